"""Official outputs: ours equals them, and a model broken in one small way does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from planted_faults import drop_auxiliary_losses
from torch import Tensor

from vita.blocks.attention import DecoderLayer
from vita.blocks.clip_position import position_in_clip
from vita.blocks.losses.set_criterion import SetCriterion
from vita.blocks.mask_decoding import MaskTracks, tracks_of
from vita.blocks.mask_kernel import resize_axis
from vita.core.contract import Track
from vita_baselines.mask2former_vis import decoder
from vita_baselines.mask2former_vis.network import Mask2FormerVis
from vita_baselines.mask2former_vis.official import conformance

RECORDED = Path(__file__).parents[2] / "golden" / "mask2former_vis"
STEPS = ("losses", "losses_absent_in_last_frame", "losses_one_empty_clip")


def failing() -> set[str]:
    """Groups that do not pass, without the folder's name."""
    checks = conformance.checks(RECORDED)
    return {check.group.removeprefix("mask2former_vis/") for check in checks if check.passed is False}


def test_intact() -> None:
    checks = list(conformance.checks(RECORDED))
    assert [check.group for check in checks if check.passed is not True] == []
    groups = {check.group.removeprefix("mask2former_vis/") for check in checks}
    inside = ("backbone", "pixel_decoder.multi_scale", "decoder.pos3d", "decoder.attn_mask_blocked")
    assert {f"eval_A {part}" for part in (*inside, "decoder.pred_logits", "decoder.pred_masks")} <= groups
    assert {"eval_B decoder.pred_logits", "losses gradient norms", "losses_one_empty_clip video points"} <= groups
    assert {f"inference_B {part}" for part in ("chosen", "labels", "scores", "masks")} <= groups
    compared = ("targets", "video costs", "video assignments", "video losses", "total")
    assert {f"{step} {part}" for step in STEPS for part in compared} <= groups


def test_self_attention_before_cross_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(layer: DecoderLayer, queries: Tensor, position: Tensor, *tokens: Tensor) -> Tensor:
        placed = queries + position
        queries = layer.self_attention(queries, placed, placed, queries)
        return layer.feedforward(layer.cross_attention(queries, queries + position, *tokens))

    monkeypatch.setattr(DecoderLayer, "forward", swapped)
    groups = failing()
    assert {"eval_A decoder.pred_logits", "eval_A decoder.attn_mask_blocked", "losses total"} <= groups
    assert not {"eval_A backbone", "eval_A pixel_decoder.multi_scale", "eval_A decoder.pos3d"} & groups


def test_position_in_time_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_image(shape: torch.Size, device: torch.device) -> Tensor:
        alone = position_in_clip(torch.Size((1, *shape[1:])), device)
        return alone.expand(shape)

    monkeypatch.setattr(decoder, "position_in_clip", in_image)
    assert {"eval_A decoder.pred_logits", "eval_B decoder.pred_logits", "losses total"} <= failing()


def test_attention_masks_of_the_whole_clip_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = decoder.tokens_inside

    def of_first_frame(logits: Tensor, height: int, width: int) -> Tensor:
        return inside(logits[:, :, :1].expand_as(logits), height, width)

    monkeypatch.setattr(decoder, "tokens_inside", of_first_frame)
    assert "eval_A decoder.pred_logits" in failing()


def test_blocked_queries_released_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_frame(inside: Tensor) -> Tensor:
        frames = inside.unflatten(2, (7 if inside.shape[2] % 7 == 0 else 3, -1))
        return (frames | ~frames.any(3, keepdim=True)).flatten(2)

    monkeypatch.setattr(decoder, "allowed_tokens", by_frame)
    assert "eval_A decoder.pred_logits" in failing()


def test_level_embedding_on_keys_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = decoder.MaskedVideoDecoder._tokens

    def without(model: decoder.MaskedVideoDecoder, level: Tensor, number: int, clips: int) -> tuple[Tensor, Tensor]:
        keys, values = tokens(model, level, number, clips)
        return keys, values - model.level_embedding.weight[number]

    monkeypatch.setattr(decoder.MaskedVideoDecoder, "_tokens", without)
    assert "eval_A decoder.pred_logits" in failing()


def test_frames_as_one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    criterion_becomes(monkeypatch, frames="joint")
    groups = failing()
    assert {f"{step} video losses" for step in STEPS} | {"losses gradient norms"} <= groups
    assert not [group for group in groups if re.search("eval|inference|costs|assignments", group)]


def test_unmatched_queries_of_full_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    criterion_becomes(monkeypatch, no_object_weight=1.0)
    assert {f"{step} video losses" for step in STEPS} <= failing()


def criterion_becomes(monkeypatch: pytest.MonkeyPatch, **constants: object) -> None:
    build = Mask2FormerVis.__init__

    def changed(model: Mask2FormerVis, **parts: object) -> None:
        kept = {"points": parts["criterion"].points, "frames": "separate"}  # type: ignore[attr-defined]
        build(model, **{**parts, "criterion": SetCriterion(**{**kept, **constants})})  # type: ignore[arg-type]

    monkeypatch.setattr(Mask2FormerVis, "__init__", changed)


def test_labels_of_the_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Mask2FormerVis.__init__
    monkeypatch.setattr(
        Mask2FormerVis, "__init__", lambda model, **parts: build(model, **{**parts, "labels": "instance"})
    )
    groups = failing()
    assert {f"losses_absent_in_last_frame {part}" for part in ("targets", "video costs", "total")} <= groups
    assert not [group for group in groups if not group.startswith("losses_absent_in_last_frame")]


def test_auxiliary_losses_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    drop_auxiliary_losses(monkeypatch)
    assert {f"{step} total" for step in STEPS} | {"losses gradient norms"} <= failing()


def test_scores_with_the_worth_of_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    def rescored(labels: Tensor, scores: Tensor, masks: MaskTracks, rows: Tensor) -> list[Track]:
        return tracks_of(labels, scores * masks.quality[rows], masks, rows)

    monkeypatch.setattr("vita_baselines.mask2former_vis.network.tracks_of", rescored)
    assert failing() == {"inference_B scores"}


def test_masks_resized_without_cutting_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vita.blocks.mask_decoding.resize_axis", lambda source, _, kept: resize_axis(source, kept, kept)
    )
    assert failing() == {"inference_B masks"}
