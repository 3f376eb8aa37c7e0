"""The comparisons are sharp: a model broken in one small way does not pass them."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from golden_recordings import (
    check_detector,
    check_gradients,
    check_inference,
    check_layers,
    check_matches,
    check_short,
    check_similarity,
    check_total,
    check_window,
    training_step,
)
from torch import Tensor
from torch.nn import functional as F

import vita.object_encoder
from vita.losses.matching import Weights
from vita.losses.set_loss import SetCriterion, SetLoss
from vita.model import Vita

frame_groups = vita.object_encoder.frame_groups


def caught(check: Callable[[], None]) -> None:
    with pytest.raises(AssertionError):
        check()


def test_window_one_too_long(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vita.object_encoder, "frame_groups", lambda t, w, s: frame_groups(t, w + 1 if w else 0, s))
    for window in (3, 6):
        caught(partial(check_window, model, "A", window))
    caught(partial(check_inference, model, "A"))


def test_windows_that_do_not_shift(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vita.object_encoder, "frame_groups", lambda t, w, s: frame_groups(t, w, False))
    caught(partial(check_window, model, "A", 3))
    caught(partial(check_short, model, 4, 3))


def test_shift_rounded_the_other_way(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded_down(frames: int, window: int, shifted: bool) -> list[tuple[int, int]]:
        if (frames, window, shifted) == (7, 3, True):
            return [(0, 2), (2, 5), (5, 7)]  # windows of 3 that start at 2 instead of 1
        return frame_groups(frames, window, shifted)

    monkeypatch.setattr(vita.object_encoder, "frame_groups", rounded_down)
    caught(partial(check_window, model, "B", 3))


def test_token_position_left_out(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = model.object_decoder.token_position.weight
    with monkeypatch.context() as patch:
        patch.setattr(weight, "data", torch.zeros_like(weight))
        caught(partial(check_window, model, "A", 0))
    check_window(model, "A", 0)


def test_wrong_grey_levels(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vita.detector.PIXEL_MEAN", (116.28, 116.28, 103.53))
    caught(partial(check_detector, model, "A"))


def test_mask_quality_left_out_of_scores(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vita.mask_decoding.MaskTracks.quality", property(lambda masks: torch.ones(masks.count)))
    caught(partial(check_inference, model, "A"))


def test_masks_resized_without_cutting_the_padding(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    def uncut(logits: Tensor, geometry: object) -> Tensor:
        return F.interpolate(logits, size=geometry.network, mode="bilinear")  # type: ignore[attr-defined]

    monkeypatch.setattr("vita.mask_decoding.to_network_size", uncut)
    caught(partial(check_inference, model, "B"))
    check_inference(model, "A")  # has no padding


def test_auxiliary_losses_dropped(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = SetLoss.terms

    def last_layer_only(loss: SetLoss, level: str) -> list:
        last = [x[-1:] for x in (loss.classification, loss.mask, loss.dice)]
        return terms(SetLoss(*last, loss.weights), level)

    monkeypatch.setattr(SetLoss, "terms", last_layer_only)
    step = training_step(model, "losses")
    caught(partial(check_total, step))
    step.losses.total.backward()
    caught(partial(check_gradients, model))


def test_similarity_without_self_pairs(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    def others_only(groups: list[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
        total, pairs = like.sum() * 0.0, 0
        for embeddings, identities in groups:
            same = (identities[:, None] == identities[None]).float()
            others = ~torch.eye(len(same), dtype=torch.bool)
            logits = (embeddings @ embeddings.T)[others]
            total = total + F.binary_cross_entropy_with_logits(logits, same[others], reduction="sum")
            pairs += int(others.sum())
        return total / (pairs + 1e-6)

    monkeypatch.setattr("vita.model.similarity_loss", others_only)
    step = training_step(model, "losses")
    caught(partial(check_similarity, step))
    caught(partial(check_total, step))


@pytest.mark.parametrize(
    "criterion",
    [
        SetCriterion(points=112, no_object_weight=1.0),
        SetCriterion(points=112, importance=0.7499),
        SetCriterion(points=112, frames="separate"),
        SetCriterion(points=112, weights=Weights(classification=1.0)),
    ],
)
def test_criterion_with_another_constant(model: Vita, monkeypatch: pytest.MonkeyPatch, criterion: SetCriterion) -> None:
    monkeypatch.setattr(model, "video_criterion", criterion)

    def compare() -> None:
        step = training_step(model, "losses")
        check_layers(step)
        check_matches(step)

    caught(compare)


def test_training_with_shifted_windows(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vita.object_encoder, "frame_groups", lambda t, w, s: frame_groups(t, 2, True))
    caught(lambda: check_layers(training_step(model, "losses")))
