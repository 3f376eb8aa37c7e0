"""Official outputs: ours equals them, and a model broken in one small way does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from planted_faults import drop_auxiliary_losses
from safetensors.torch import load_file, save_file
from torch import Tensor

from vita.blocks.backbone import Backbone
from vita.blocks.losses.matching import Target, Weights
from vita.blocks.mask_decoding import encode
from vita_baselines.ifc import clip_merging, encoder, inference, losses
from vita_baselines.ifc import network as model
from vita_baselines.ifc.clip_merging import ClipMerger
from vita_baselines.ifc.encoder import InterFrameEncoder
from vita_baselines.ifc.inference import VideoTracker
from vita_baselines.ifc.losses import DenseCriterion
from vita_baselines.ifc.mask_head import MaskHead
from vita_baselines.ifc.official import conformance, conformance_parts, conformance_video
from vita_baselines.ifc.position import sine_position

RECORDED = Path(__file__).parents[2] / "golden" / "ifc"
Failing = Callable[..., set[str]]
CLIPS = ("eval_A", "eval_B")
LOSS_PARTS = ("losses", "total", "gradient norms")
VIDEOS = ("inference_A", "inference_A_stride2", "inference_B")


@pytest.fixture
def failing(tmp_path: Path) -> Callable[..., set[str]]:
    """`failing("losses")`: groups that do not pass, without the folder's name, in a copy with these files alone."""

    def run(*stems: str) -> set[str]:
        for stem in ("state_dict", "meta", *stems):
            for path in (*RECORDED.glob(f"{stem}.*"), *RECORDED.glob(f"{stem}_grad*")):
                (tmp_path / path.name).symlink_to(path)
        checks = list(conformance.checks(tmp_path))
        assert len([check for check in checks if check.passed is not None]) > 5
        return {check.group.partition("/")[2] for check in checks if check.passed is False}

    return run


def test_intact() -> None:
    checks = list(conformance.checks(RECORDED))
    assert [check.group for check in checks if check.passed is not True] == []
    groups = {check.group.removeprefix("ifc/") for check in checks}
    assert {f"{clip} {part}" for clip in CLIPS for part in ("positions", "pred_logits")} <= groups
    assert {f"eval_A {p}" for p in ("backbone", "padding masks", "encoder_memory_bus", "pred_masks")} <= groups
    parts = ("kept scores", "kept labels", "soft IoU", "assigned rows", "assigned columns", "held")
    results = ("class probabilities", "predicted scores", "predicted labels", "predicted instances", "track scores")
    assert {f"{video} {part}" for video in VIDEOS for part in (*parts, *results)} <= groups
    assert {"inference_B instance masks", "inference_B track masks"} <= groups
    assert {f"inference_{case}_single_class track labels" for case in "AB"} <= groups
    steps = ("targets", "scores", "assignments", "losses", "loss weights", "total", "gradient norms")
    assert {f"losses {part}" for part in (*steps, "trained parameters")} <= groups


def test_memory_layers_dropped(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InterFrameEncoder, "_between_frames", lambda _self, _layer, tokens: tokens)
    groups = failing("eval_A", "eval_B", "losses")
    assert {"eval_A encoder_memory_bus", "eval_A pred_logits", "eval_B encoded_src", "losses total"} <= groups
    assert not {"eval_A backbone", "eval_A positions", "losses targets"} & groups


def test_memory_tokens_of_all_numbers_together(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    def together(_self: InterFrameEncoder, layer: torch.nn.Module, tokens: encoder.ClipTokens) -> encoder.ClipTokens:
        seen, memory = tokens.values[:, :, : -tokens.memory], tokens.values[:, :, -tokens.memory :]
        mixed = layer(memory.flatten(1, 2)).view(memory.shape)
        return replace(tokens, values=torch.cat([seen, mixed], 2))

    monkeypatch.setattr(InterFrameEncoder, "_between_frames", together)
    assert {"eval_A encoder_memory_bus", "eval_B pred_logits", "losses total"} <= failing("eval_A", "eval_B", "losses")


def test_position_of_memory_tokens_dropped(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = InterFrameEncoder.tokens

    def unplaced(self: InterFrameEncoder, maps: Tensor, padding: Tensor | None) -> encoder.ClipTokens:
        made = tokens(self, maps, padding)
        position = made.position.clone()
        position[:, :, -made.memory :] = 0
        return replace(made, position=position)

    monkeypatch.setattr(InterFrameEncoder, "tokens", unplaced)
    assert {"eval_A encoder_memory_bus", "eval_A decoder_out", "losses total"} <= failing("eval_A", "losses")


def test_position_with_x_before_y(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(padding: Tensor, channels: int) -> Tensor:
        return sine_position(padding, channels).roll(channels // 2, 1)

    for module in (encoder, conformance_parts):
        monkeypatch.setattr(module, "sine_position", turned)
    assert {"eval_A positions", "eval_B positions", "eval_A pred_logits", "losses total"} <= failing(
        "eval_A", "eval_B", "losses"
    )


def test_padding_to_a_multiple_of_32(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    normalise = conformance.normalise_and_pad
    monkeypatch.setattr(inference, "normalise_and_pad", lambda videos, divisor: normalise(videos, 32))
    groups = failing("eval_A", "inference_A", "eval_B", "inference_B")
    assert {"inference_B track scores"} <= groups  # case A needs no padding
    assert not [group for group in groups if not group.startswith("inference_B")]


@pytest.mark.parametrize("number", [0, 1])
def test_mask_head_with_a_relu_more(failing: Failing, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    refine = MaskHead._refine

    def rectified(head: MaskHead, at: int, maps: Tensor) -> Tensor:
        refined = refine(head, at, maps)
        return refined.relu() if at == number else refined

    monkeypatch.setattr(MaskHead, "_refine", rectified)
    groups = failing("eval_A", "losses")
    assert {"eval_A pred_masks", "losses losses"} <= groups
    assert "eval_A pred_logits" not in groups


def test_auxiliary_losses_dropped(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_auxiliary_losses(monkeypatch)
    assert failing("losses") == {"losses total", "losses gradient norms"}


def test_hard_targets(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    resized = DenseCriterion.resized

    def hard(criterion: DenseCriterion, target: Target) -> Target:
        soft = resized(criterion, target)
        return Target(soft.labels, (soft.masks >= 0.5).float())

    monkeypatch.setattr(DenseCriterion, "resized", hard)
    assert {"losses targets", "losses scores", "losses losses", "losses total"} <= failing("losses")


@pytest.mark.parametrize(("name", "value"), [("ALPHA", 0.5), ("GAMMA", 1)])
def test_another_focal_loss(failing: Failing, monkeypatch: pytest.MonkeyPatch, name: str, value: float) -> None:
    monkeypatch.setattr(losses, name, value)
    assert {"losses losses", "losses total"} <= failing("losses") <= {f"losses {x}" for x in LOSS_PARTS}


@pytest.mark.parametrize(
    ("changed", "caught"),
    [
        (DenseCriterion(no_object_weight=1.0), {"state_dict class weights", "losses losses", "losses total"}),
        (DenseCriterion(weights=Weights(1.0, 3.0, 5.0)), {"losses scores", "losses loss weights", "losses total"}),
        (DenseCriterion(stride=8), {"losses targets", "losses scores", "losses losses"}),
    ],
)
def test_another_criterion(
    failing: Failing, monkeypatch: pytest.MonkeyPatch, changed: DenseCriterion, caught: set[str]
) -> None:
    build = model.IfcNetwork.__init__
    monkeypatch.setattr(
        model.IfcNetwork, "__init__", lambda self, **parts: build(self, **{**parts, "criterion": changed})
    )
    assert caught <= failing("losses")


def test_a_backbone_that_trains_from_its_stem(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "freeze", lambda _self, _parts: None)
    assert failing("losses") == {"losses trained parameters"}


def test_iou_of_hard_masks(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    soft = clip_merging.soft_iou
    monkeypatch.setattr(clip_merging, "soft_iou", lambda a, b: soft((a > 0.5).float(), (b > 0.5).float()))
    groups = failing("eval_A", "inference_A", "inference_A_stride2")
    assert {"inference_A soft IoU", "inference_A_stride2 soft IoU"} <= groups
    assert not [group for group in groups if not group.startswith("inference")]


def test_another_threshold_of_likeness(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    build = ClipMerger.__init__
    monkeypatch.setattr(ClipMerger, "__init__", lambda self, span, _threshold: build(self, span, 0.9))
    assert "inference_A held" in failing("eval_A", "inference_A")


def test_greedy_association(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(similarity: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        worth, pairs = similarity.clone(), []
        for _ in range(min(similarity.shape)):
            row, column = divmod(int(worth.argmax()), worth.shape[1])
            pairs.append((row, column))
            worth[row], worth[:, column] = -1, -1
        return tuple(torch.tensor(sorted(pairs), dtype=torch.int64).reshape(-1, 2).T)  # type: ignore[return-value]

    for module in (clip_merging, conformance_video):
        monkeypatch.setattr(module, "best_pairs", greedy)
    assert {"inference_B assigned rows", "inference_B assigned columns"} & failing("eval_B", "inference_B")


def test_classes_of_the_last_clip_alone(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    count = ClipMerger._count

    def forgetful(self: ClipMerger, clip: clip_merging.ClipInstances, numbers: Tensor, total: int) -> None:
        count(self, clip, numbers, total)
        assert self._class_sums is not None
        assert self._clips is not None
        self._class_sums[numbers] = clip.probabilities * self._clips[numbers, None]

    monkeypatch.setattr(ClipMerger, "_count", forgetful)
    groups = failing("eval_B", "inference_B")
    assert "inference_B class probabilities" in groups
    assert "inference_B instance masks" not in groups


def test_masks_of_the_first_clip_alone(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    def first(self: ClipMerger, number: int) -> tuple[Tensor, Tensor]:
        clip, numbers = next((c, n) for c, n, _ in self._recent if c.start <= number < c.stop)
        return numbers, clip.logits[:, number - clip.start]

    monkeypatch.setattr(ClipMerger, "frame", first)
    assert {"inference_B instance masks", "inference_B track masks"} <= failing("eval_B", "inference_B")


def test_masks_where_an_instance_was_never_valid(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    build = VideoTracker.__init__

    def full(self: VideoTracker, *parts: Any) -> None:
        build(self, *parts)
        self._empty = encode(torch.ones(1, 1, *self._out, dtype=torch.bool))[0][0]

    monkeypatch.setattr(VideoTracker, "__init__", full)
    assert failing("eval_B", "inference_B") == {"inference_B instance masks", "inference_B track masks"}


def test_queries_whose_best_class_is_no_object_kept(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = model.IfcNetwork.candidates

    def all_of_them(self: model.IfcNetwork, maps: model.FrameMaps, start: int) -> clip_merging.ClipInstances:
        bias = self.class_head.bias
        with torch.no_grad():
            bias[-1] -= 100
            found = candidates(self, maps, start)
            bias[-1] += 100
        return found

    monkeypatch.setattr(model.IfcNetwork, "candidates", all_of_them)
    assert "inference_A kept scores" in failing("eval_A", "inference_A")


def test_another_threshold_of_class_probability(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, higher = inference.chosen_pairs, {"class_threshold": 0.1}
    monkeypatch.setattr(conformance_video, "chosen_pairs", lambda p, v: chosen(p, v.model_copy(update=higher)))
    groups = failing("eval_A", "inference_A", "inference_A_single_class")
    assert "inference_A predicted labels" in groups
    assert not [group for group in groups if "single_class" in group]


@pytest.mark.parametrize(
    ("at_most", "change", "passes"), [(0.05, 0.04, True), (0.05, 0.06, False), (1.0, -0.01, False)]
)
def test_soft_iou_below_the_threshold_counts_as_nothing(
    tmp_path: Path, at_most: float, change: float, passes: bool
) -> None:
    """As it was recorded: whatever is at or below 0.05 is 0 there."""
    for path in RECORDED.iterdir():
        if path.name.startswith(("state_dict", "meta", "eval_A", "inference_A.")):
            (tmp_path / path.name).symlink_to(path)
    tensors = load_file(RECORDED / "inference_A.safetensors")
    recorded = tensors["track.siou.3"]
    assert ((recorded == 0) | (recorded > 0.05)).all()
    chosen = recorded <= 0.05 if at_most == 0.05 else recorded > 0.05
    assert chosen.any()
    tensors["track.siou.3"] = recorded + change * chosen
    (tmp_path / "inference_A.safetensors").unlink()
    save_file(tensors, tmp_path / "inference_A.safetensors")
    checks = {check.group.partition("/")[2]: check.passed for check in conformance.checks(tmp_path)}
    assert checks["inference_A soft IoU"] is passes
