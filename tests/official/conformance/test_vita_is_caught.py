"""The checks are sharp: a VITA broken in one small way does not pass the recordings that an intact one passes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from planted_faults import drop_auxiliary_losses
from torch import Tensor
from torch.nn import functional as F

from vita.blocks.attention import AttentionBlock
from vita.blocks.losses.matching import Weights
from vita.blocks.losses.set_criterion import SetCriterion
from vita.blocks.mask_kernel import resize_axis
from vita.model import object_decoder, object_encoder
from vita.model.method import Vita
from vita.model.object_decoder import DecoderLayer
from vita.model.similarity_loss import MatchedGroups
from vita.official.contract import Check
from vita.official.vita import conformance as vita_checks

RECORDED = Path(__file__).parents[2] / "golden" / "vita"
frame_groups = object_encoder.frame_groups


def failing() -> list[str]:
    """Groups that do not pass, without the folder's name."""
    checks: Iterator[Check] = vita_checks.checks(RECORDED)
    return [check.group.removeprefix("vita/") for check in checks if check.passed is False]


def among(groups: list[str], pattern: str) -> list[str]:
    return [group for group in groups if re.search(pattern, group)]


def test_intact() -> None:
    checks = list(vita_checks.checks(RECORDED))
    assert [check.group for check in checks if check.passed is not True] == []
    names = " ".join(check.group for check in checks)
    for part in ("eval_A_detector backbone", "attn_mask_blocked", "window0", "window3", "window6", "T5_window1"):
        assert part in names
    for part in ("inference_B masks", "train_outputs vita", "window2", "losses targets", "losses frames costs"):
        assert part in names
    for part in ("video assignments", "frames points", "losses similarity loss", "losses gradients", "gradient norms"):
        assert part in names
    for part in ("losses_one_empty_clip total", "losses_all_empty video losses"):
        assert part in names


def test_window_one_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_encoder, "frame_groups", lambda t, w, s: frame_groups(t, w + 1 if w else 0, s))
    groups = failing()
    for wanted in ("eval_A_vita window3", "eval_A_vita window6", "inference_A class scores"):
        assert wanted in groups
    assert "eval_A_vita window0" not in groups


def test_windows_that_do_not_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_encoder, "frame_groups", lambda t, w, s: frame_groups(t, w, False))
    groups = failing()
    assert {"eval_A_vita window3", "eval_A_vita_short T4_window3"} <= set(groups)
    assert not among(groups, "losses|train")  # training has no shift


def test_shift_rounded_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded_down(frames: int, window: int, shifted: bool) -> list[tuple[int, int]]:
        if (frames, window, shifted) == (7, 3, True):
            return [(0, 2), (2, 5), (5, 7)]  # windows of 3 that start at 2 instead of 1
        return frame_groups(frames, window, shifted)

    monkeypatch.setattr(object_encoder, "frame_groups", rounded_down)
    assert failing() == ["eval_A_vita window3", "eval_B_vita window3"]


def test_training_with_shifted_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_encoder, "frame_groups", lambda t, w, s: frame_groups(t, w, True))
    assert {"train_outputs window2"} <= set(failing())


def test_decoder_that_attends_to_itself_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(layer: DecoderLayer, queries: Tensor, position: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        placed = queries + position
        queries = layer.self_attention(queries, placed, placed, queries)
        return layer.feedforward(layer.cross_attention(queries, queries + position, keys, values))

    monkeypatch.setattr(DecoderLayer, "forward", swapped)
    groups = failing()
    assert {"eval_A_vita window0", "inference_A class scores", "losses total", "train_outputs vita"} <= set(groups)
    assert not among(groups, "detector")


def test_token_position_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = object_decoder.ObjectDecoder.forward

    def without(decoder: object_decoder.ObjectDecoder, tokens: Tensor, query_indices: Tensor | None = None) -> Tensor:
        decoder.token_position.weight.data.zero_()
        return decode(decoder, tokens, query_indices)

    monkeypatch.setattr(object_decoder.ObjectDecoder, "forward", without)
    assert {"eval_A_vita window0", "eval_B_vita window6"} <= set(failing())


def test_values_with_a_position(monkeypatch: pytest.MonkeyPatch) -> None:
    attend = AttentionBlock.forward

    def keys_as_values(block: AttentionBlock, residual: Tensor, query: Tensor, key: Tensor, *_: object) -> Tensor:
        return attend(block, residual, query, key, key)

    monkeypatch.setattr(AttentionBlock, "forward", keys_as_values)
    assert "eval_A_vita window0" in failing()


def test_wrong_grey_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vita.blocks.frame_detector.PIXEL_MEAN", (116.28, 116.28, 103.53))
    assert {"eval_A_detector backbone", "eval_B_detector frame_decoder.frame_query"} <= set(failing())


def test_mask_quality_left_out_of_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vita.blocks.mask_decoding.MaskTracks.quality", property(lambda masks: torch.ones(masks.count)))
    assert {"inference_A scores", "inference_B scores"} <= set(failing())


def test_masks_resized_without_cutting_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vita.blocks.mask_decoding.resize_axis", lambda source, _, kept: resize_axis(source, kept, kept)
    )
    groups = failing()
    assert "inference_B masks" in groups
    assert not among(groups, "inference_A")  # has no padding


def test_auxiliary_losses_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    drop_auxiliary_losses(monkeypatch)
    assert {"losses total", "losses gradients", "losses gradient norms", "losses_all_empty total"} <= set(failing())


def test_similarity_without_self_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    def others_only(groups: MatchedGroups, _: int) -> Tensor:
        same = (groups.identities[:, :, None] == groups.identities[:, None]).float()
        others = groups.matched[:, :, None] & groups.matched[:, None] & ~torch.eye(same.shape[1], dtype=torch.bool)
        logits = (groups.embeddings @ groups.embeddings.transpose(1, 2))[others]
        total = F.binary_cross_entropy_with_logits(logits, same[others], reduction="sum")
        return total / (int(others.sum()) + 1e-6)

    monkeypatch.setattr("vita.model.network.similarity_loss", others_only)
    groups = failing()
    assert {"losses similarity loss", "losses total", "losses_one_empty_clip similarity loss"} <= set(groups)
    assert not among(groups, "costs|assignments|eval")


@pytest.mark.parametrize(
    ("constants", "group"),
    [
        ({"no_object_weight": 1.0}, "losses video losses"),
        ({"importance": 0.7499}, "losses video losses|recorded draws"),
        ({"frames": "separate"}, "losses video losses"),
        ({"weights": Weights(classification=1.0)}, "losses video costs"),
    ],
)
def test_criterion_with_another_constant(monkeypatch: pytest.MonkeyPatch, constants: dict, group: str) -> None:
    build = Vita.__init__

    def changed(model: Vita, **parts: object) -> None:
        points = parts["video_criterion"].points  # type: ignore[attr-defined]
        build(model, **{**parts, "video_criterion": SetCriterion(points=points, **constants)})  # type: ignore[arg-type]

    monkeypatch.setattr(Vita, "__init__", changed)
    try:
        groups = failing()
    except ValueError as error:  # other draws are asked for than were recorded
        groups = [str(error)]
    assert among(groups, group)
