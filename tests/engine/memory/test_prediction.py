"""Peaks from shapes alone: beside the same code on real tensors, and beside arithmetic."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_vita import TINY

from vita.core.contract import AttentionPath, UserError
from vita.engine.memory.case import Case
from vita.engine.memory.offline_inference import build, run
from vita.engine.memory.predicted_peak import GRANULARITY, Predictor
from vita.engine.memory.tracker import MemoryTracker

SMALL: dict[str, Any] = {"method": "vita", "options": TINY, "height": 32, "width": 64, "num_classes": 3}


def case(**changes: Any) -> Case:
    return Case(**{**SMALL, **changes})


@pytest.mark.parametrize("attention", ["materialised", "fused", "chunked"])
@pytest.mark.parametrize("frames", [7, 18, 50])
def test_as_on_real_tensors(attention: AttentionPath, frames: int) -> None:
    asked = case(attention=attention, variant={"window": 6})
    model, variant = build(asked)
    with torch.no_grad(), MemoryTracker(GRANULARITY) as tracker:
        run(model, variant, asked, frames)
    predicted = Predictor(asked).peak(frames)
    assert predicted.peak_bytes == pytest.approx(tracker.peak_bytes, rel=0.02)


def test_weights_by_hand() -> None:
    model, _ = build(case())
    assert isinstance(model, torch.nn.Module)
    expected = sum(t.numel() * 4 for t in model.parameters()) + sum(t.nbytes for t in model.buffers())
    assert Predictor(case()).weights_bytes == expected


def test_chunks_that_are_not_followed_are_like_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the fullest moment is in the detector for all that is followed, and after it for more frames."""
    asked = case(attention="chunked", variant={"window": 6}, height=96, width=128)
    followed = Predictor(asked).peak(3000)
    monkeypatch.setattr("vita.engine.memory.predicted_peak.FOLLOWED", 144)
    predictor = Predictor(asked)
    assert predictor._in_detector(144).peak_bytes > predictor._at_the_end(144).peak_bytes
    assert predictor._in_detector(3000).peak_bytes < followed.peak_bytes
    assert predictor.peak(3000).peak_bytes == pytest.approx(followed.peak_bytes, rel=0.01)


@pytest.mark.parametrize("attention", ["materialised", "fused", "chunked"])
def test_the_most_frames(attention: AttentionPath) -> None:
    predictor = Predictor(case(attention=attention))
    budget = 30 * 2**20
    most = predictor.most_frames(budget)
    assert predictor.peak(most).peak_bytes <= budget < predictor.peak(most + 1).peak_bytes
    assert predictor.most_frames(1000) == 0


def test_resolution_is_nothing_to_the_video_level() -> None:
    """With many frames the peak lies in the video-level module: what a frame adds knows no resolution."""
    small, large = (Predictor(case(height=h, width=w)) for h, w in ((32, 64), (64, 128)))
    added = [predictor.peak(3000).peak_bytes - predictor.peak(2000).peak_bytes for predictor in (small, large)]
    assert added[0] == added[1] > 0
    assert large.peak(2000).peak_bytes == pytest.approx(small.peak(2000).peak_bytes, rel=0.01)


def test_half_precision_takes_half() -> None:
    single, half = (Predictor(case(precision=p)).peak(2000).peak_bytes for p in ("float32", "bfloat16"))
    assert 0.49 < half / single < 0.52


def test_attention_over_all_frames_grows_with_their_square() -> None:
    """Four heads and six tokens a frame: each of two matrices has 4 * (6 T)^2 numbers of 4 bytes."""
    predictor = Predictor(case(variant={"window": 0}))
    matrices = [2 * 4 * (6 * frames) ** 2 * 4 for frames in (400, 800)]
    peaks = [predictor.peak(frames).peak_bytes for frames in (400, 800)]
    assert (peaks[1] - peaks[0]) / (matrices[1] - matrices[0]) == pytest.approx(1.0, abs=0.05)


def test_a_method_without_the_calls_is_named() -> None:
    with pytest.raises(UserError, match="unknown method 'mine'"):
        Predictor(case(method="mine"))
