"""A video that is not kept in memory: its prediction beside that of one that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from noise_video import Noise, with_masks
from same_tracks import assert_same

from vita.core.contract import Video
from vita.core.json_list import entry_text
from vita.core.plugins import find_inference_wrapper
from vita.engine.inference_plan import read_plan
from vita.engine.predict import results_of
from vita.model.inference import encode_at_once, encode_in_chunks, is_too_long
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.model.streaming.mask_pass import mask_features

VARIANTS = {
    "intact": VitaVariant(),
    "pruned": VitaVariant(prune_ratio=0.5),
    "all": VitaVariant(window=0),
    "again": VitaVariant(),
}


@pytest.fixture
def model(tiny_vita: Callable[..., Vita]) -> Vita:
    return with_masks(tiny_vita().eval())


@pytest.mark.parametrize("frames", [1, 7, 40])
def test_as_a_video_in_memory(model: Vita, frames: int) -> None:
    kept, streamed = encode_at_once(model, Noise(frames), 5), encode_in_chunks(model, Noise(frames), 5)
    whole = streamed.predict(0, frames, VARIANTS)
    assert streamed.streamed and not kept.streamed
    assert_same(whole, kept.predict(0, frames, VARIANTS))
    assert_same(streamed.predict(frames // 3, frames, VARIANTS), kept.predict(frames // 3, frames, VARIANTS))


def test_mask_logits_are_those_of_a_video_in_memory(model: Vita) -> None:
    kept = encode_at_once(model, Noise(20), 5)
    kernels = torch.randn(3, 32)
    expected, ours = (
        torch.cat([torch.einsum("nc,tchw->nthw", kernels, features) for features in parts], dim=1)
        for parts in (kept.features(0, 20), mask_features(model, Noise(20)))
    )
    torch.testing.assert_close(ours, expected, atol=1e-3, rtol=0)


def test_clips_of_a_streamed_video_are_joined(model: Vita) -> None:
    wrapper = find_inference_wrapper("clip_association")
    variants = {"clips": wrapper.read_variant({"clip_frames": 4, "matching": "greedy"}, definition)}
    video = Noise(10)
    kept, streamed = (
        wrapper.predict(watch(model, video, 3), video, variants, 3) for watch in (encode_at_once, encode_in_chunks)
    )
    assert [track.label for track in streamed["clips"]] == [track.label for track in kept["clips"]]


def test_nothing_is_left_behind(model: Vita, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    video = encode_in_chunks(model, Noise(5), 3)
    prediction = video.predict(0, 5, VARIANTS)
    assert list(tmp_path.iterdir())
    del video
    assert list(tmp_path.iterdir()) == []
    assert len(list(prediction.tracks["intact"][0].segmentations)) == 5
    assert len(prediction.frame_detections) == 15


def test_tracks_are_written_as_those_in_memory_are(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vita.core.json_list.MASKS_AT_ONCE", 2)
    tracks = encode_in_chunks(model, Noise(5), 4).predict(0, 5, VARIANTS).tracks["intact"]
    for entry in results_of(Video(3, "v", 60, 75, ()), tracks, (7, 8, 9)):
        in_memory = {**entry, "segmentations": list(entry["segmentations"])}
        assert "".join(entry_text(entry)) == "".join(entry_text(in_memory))
        assert json.loads("".join(entry_text(entry))) == in_memory


@pytest.mark.parametrize(("height", "width", "size"), [(40, 50, (64, 64)), (64, 65, (64, 96))])
def test_which_videos_are_too_long(height: int, width: int, size: tuple[int, int]) -> None:
    """32 channels of 4 bytes at every fourth position of the padded frame, 40 frames."""
    kept = 40 * 4 * 32 * (size[0] // 4) * (size[1] // 4)
    assert not is_too_long(Noise(40, height, width), 32, kept)
    assert is_too_long(Noise(40, height, width), 32, kept - 1)
    assert not is_too_long(Noise(36, height, width), 32, 0)


@pytest.mark.parametrize("variant", [{}, {"through": "clip_association", "clip_frames": 20, "matching": "greedy"}])
def test_a_long_video_is_streamed_unasked_and_said_to_be(model: Vita, variant: dict[str, Any]) -> None:
    plan = read_plan(definition, {"only": variant})
    assert not plan.predict(model, Noise(37), 3).streamed
    streamed = plan.predict(model, Noise(37), 3, keep_bytes=10_000)
    assert streamed.streamed and len(streamed.tracks["only"]) == 3
