"""Tracks of clips joined by mask IoU, on strips of pixels small enough to count."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vita.core.contract import Track, UserError, VideoPrediction
from vita.core.plugins import find_inference_wrapper, find_method
from vita.data.masks.rle import decode, encode
from vita.engine.inference_plan import VideoInParts, read_plan
from vita.official.conformance.recording import StoredFrames
from vita_baselines.clip_association import ClipVariant, clip_bounds, match, wrapper

HEIGHT, WIDTH = 1, 12
Bar = tuple[int, int] | None  # first and last-but-one pixel of a strip


def strips(bars: list[Bar]) -> list[Any]:
    masks = np.zeros((len(bars), HEIGHT, WIDTH), bool)
    for mask, bar in zip(masks, bars, strict=True):
        if bar is not None:
            mask[:, bar[0] : bar[1]] = True
    return encode(masks)


@dataclass
class Scripted:
    """A method that knows every object of the video: (label, score by frame, bar by frame)."""

    objects: list[tuple[int, list[float], list[Bar]]]

    def predict(self, frames: Any, variants: Mapping[str, Any], top_k: int) -> VideoPrediction:
        seen = frames.read(0, len(frames))[:, 0, 0, 0].tolist()  # each frame's pixel holds its number
        tracks = [
            Track(label, scores[seen[0]], strips([bars[frame] for frame in seen]))
            for label, scores, bars in self.objects
            if any(bars[frame] for frame in seen)
        ]
        return VideoPrediction({name: sorted(tracks, key=lambda t: -t.score)[:top_k] for name in variants})


def variant(**options: Any) -> ClipVariant:
    return wrapper.read_variant(options, find_method("vita"))


def joined(method: Scripted, frames: int, top_k: int = 10, **options: Any) -> list[tuple[int, float, list[list[int]]]]:
    numbers = torch.arange(frames, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, HEIGHT, WIDTH)
    video = StoredFrames(numbers, HEIGHT, WIDTH)
    parts = VideoInParts(method, video, top_k)  # type: ignore[arg-type]
    tracks = wrapper.predict(parts, video, {"only": variant(**options)}, top_k)["only"]
    assert all(len(track.segmentations) == frames for track in tracks)
    return [(t.label, t.score, [pixels(mask) for mask in decode(t.segmentations, HEIGHT, WIDTH)]) for t in tracks]


def pixels(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask[0]).tolist()


@pytest.mark.parametrize("matching", ["greedy", "hungarian"])
@pytest.mark.parametrize("overlap", [0, 1])
def test_two_objects_keep_their_identity_over_clips(matching: str, overlap: int) -> None:
    left: list[Bar] = [(i // 2, i // 2 + 3) for i in range(6)]
    right: list[Bar] = [(8, 11)] * 6
    method = Scripted([(0, [0.9] * 6, left), (0, [0.5] * 6, right)])
    first, second = joined(method, 6, clip_frames=2, matching=matching, overlap=overlap)
    assert first == (0, pytest.approx(0.9), [list(range(*bar)) for bar in left if bar])
    assert second == (0, pytest.approx(0.5), [[8, 9, 10]] * 6)


def test_the_score_is_the_mean_over_the_frames_of_all_clips() -> None:
    method = Scripted([(1, [0.8, 0.8, 0.8, 0.2], [(0, 4)] * 4)])
    [(label, score, _)] = joined(method, 4, clip_frames=3, matching="greedy")
    assert (label, score) == (1, pytest.approx((3 * 0.8 + 1 * 0.2) / 4))


def test_a_track_that_finds_no_partner_ends_and_another_begins() -> None:
    method = Scripted([(0, [0.9] * 2 + [0.6] * 2, [(0, 3), (0, 3), (6, 9), (6, 9)])])
    first, second = joined(method, 4, clip_frames=2, matching="hungarian")
    assert first == (0, pytest.approx(0.9 / 2), [[0, 1, 2], [0, 1, 2], [], []])
    assert second == (0, pytest.approx(0.6 / 2), [[], [], [6, 7, 8], [6, 7, 8]])


def test_nothing_is_found_again_after_a_gap() -> None:
    method = Scripted([(0, [0.9] * 3, [(0, 3), None, (0, 3)])])
    masks = [m for _, _, m in joined(method, 3, clip_frames=1, matching="greedy")]
    assert sorted(masks) == [[[], [], [0, 1, 2]], [[0, 1, 2], [], []]]


def test_classes_are_not_mixed() -> None:
    method = Scripted([(0, [0.9, 0.1], [(0, 3), None]), (1, [0.1, 0.8], [None, (0, 3)])])
    assert [(label, m) for label, _, m in joined(method, 2, clip_frames=1, matching="greedy")] == [
        (0, [[0, 1, 2], []]),
        (1, [[], [0, 1, 2]]),
    ]


def test_without_overlap_the_neighbouring_masks_decide() -> None:
    """The objects swap places between their first and last frames; only frames 1 and 2 touch."""
    one: list[Bar] = [(0, 3), (6, 9), (6, 9), (0, 3)]
    other: list[Bar] = [(6, 9), (0, 3), (0, 3), (6, 9)]
    method = Scripted([(0, [0.9] * 4, one), (0, [0.8] * 4, other)])
    first, second = joined(method, 4, clip_frames=2, matching="hungarian")
    assert [m for _, _, m in (first, second)] == [[[*range(*b)] for b in bars if b] for bars in (one, other)]


def test_shared_frames_keep_the_earlier_masks() -> None:
    class Shifting(Scripted):
        def predict(self, frames: Any, variants: Mapping[str, Any], top_k: int) -> VideoPrediction:
            start = int(frames.read(0, 1)[0, 0, 0, 0])
            bars: list[Bar] = [(start, start + 4)] * len(frames)
            return VideoPrediction({name: [Track(0, 0.5, strips(bars))] for name in variants})

    [(_, _, masks)] = joined(Shifting([]), 5, clip_frames=3, overlap=1, matching="greedy", min_iou=0.0)
    # Clips [0, 3) with pixels 0-3 and [2, 5) with pixels 2-5: on frame 2 the IoU is 2 / 6, and the first clip's stay.
    assert masks == [[0, 1, 2, 3]] * 3 + [[2, 3, 4, 5]] * 2
    assert len(joined(Shifting([]), 5, clip_frames=3, overlap=1, matching="greedy", min_iou=0.34)) == 2
    assert len(joined(Shifting([]), 5, clip_frames=3, overlap=1, matching="greedy", min_iou=0.33)) == 1


def test_greedy_and_hungarian_differ_where_they_should() -> None:
    similarity = np.array([[0.9, 0.8], [0.7, 0.0]])
    assert set(match(similarity, "greedy", 0.0)) == {(0, 0)}  # takes 0.9, which leaves 0.0: no pair
    assert set(match(similarity, "hungarian", 0.0)) == {(1, 0), (0, 1)}  # 0.8 + 0.7 > 0.9 + 0.0


def test_one_clip_is_the_method_itself() -> None:
    method = Scripted([(0, [0.9] * 3, [(0, 3)] * 3), (1, [0.4] * 3, [(4, 6)] * 3)])
    assert joined(method, 3, clip_frames=3, matching="greedy") == joined(
        method, 3, clip_frames=99, matching="hungarian"
    )
    assert len(joined(method, 3, top_k=1, clip_frames=1, matching="greedy")) == 1


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 19))
def test_clips_cover_the_video(frames: int, length: int, overlap: int) -> None:
    overlap = min(overlap, length - 1)
    bounds = clip_bounds(frames, length, overlap)
    assert bounds[0][0] == 0 and bounds[-1][1] == frames
    for (start, stop), (later_start, later_stop) in itertools.pairwise(bounds):
        assert stop - start == length
        assert later_start == stop - overlap
        assert later_stop > stop


@given(arrays(float, st.tuples(st.integers(0, 6), st.integers(0, 6)), elements=st.floats(0, 1)), st.floats(0, 0.9))
def test_matching_is_one_to_one_and_hungarian_is_best(similarity: np.ndarray, above: float) -> None:
    sums = {}
    for matching in ("greedy", "hungarian"):
        pairs = list(match(similarity, matching, above))  # type: ignore[arg-type]
        assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
        assert all(similarity[earlier, later] > above for later, earlier in pairs)
        sums[matching] = sum(similarity[earlier, later] for later, earlier in pairs)
    if above == 0:
        assert sums["hungarian"] >= sums["greedy"] - 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_frames": 0, "matching": "greedy"}, "key 'clip_frames'"),
        ({"clip_frames": 2, "matching": "best"}, "key 'matching'"),
        ({"clip_frames": 2, "matching": "greedy", "overlap": 2}, "overlap is 2; it must be below clip_frames, 2"),
        ({"clip_frames": 2, "matching": "greedy", "length": 2}, "unknown key 'length'"),
        ({"clip_frames": 2, "matching": "greedy", "each": {"windw": 3}}, "unknown key 'windw'"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        variant(**options)


def test_it_is_found_by_name() -> None:
    plan = read_plan(
        find_method("vita"),
        {"intact": {}, "clips": {"through": "clip_association", "clip_frames": 4, "matching": "greedy"}},
    )
    assert plan.names == ["intact", "clips"]
    assert plan.through["clip_association"]["clips"].options.clip_frames == 4
    with pytest.raises(
        UserError, match="'through': unknown inference wrapper 'magic'; installed are: clip_association"
    ):
        find_inference_wrapper("magic")
