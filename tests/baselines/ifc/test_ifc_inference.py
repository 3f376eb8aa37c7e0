"""A video as overlapping clips: which clips, what is kept of them, and that memory does not grow with the video."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from promises import unchanged
from torch import Tensor

from benchmarks.pretend_card import OnCard, counting, move
from vita.blocks.mask_decoding import decode
from vita.core.contract import Track
from vita.official.conformance.recording import StoredFrames
from vita_baselines.ifc import inference
from vita_baselines.ifc.clip_merging import ClipInstances
from vita_baselines.ifc.inference import IfcVariant, MapsInView, VideoTracker, chosen_pairs, clip_starts
from vita_baselines.ifc.method import Ifc
from vita_baselines.ifc.network import FrameMaps

Build = Callable[..., Ifc]
SURE = 30.0


def video(frames: int, height: int = 32, width: int = 64) -> StoredFrames:
    random = torch.Generator().manual_seed(7)
    return StoredFrames(torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=random), 40, 80)


def masks(tracks: list[Track]) -> np.ndarray:
    return decode([track.segmentations for track in tracks])


# Which clips


@pytest.mark.parametrize(
    ("frames", "clip_frames", "stride", "starts"),
    [
        (7, 3, 1, [0, 1, 2, 3, 4]),
        (7, 3, 2, [0, 2, 4]),
        (8, 3, 2, [0, 2, 4, 5]),  # the last one is aligned to the end
        (8, 3, 3, [0, 3, 5]),
        (5, 5, 2, [0]),
        (3, 5, 1, [0]),
        (1, 5, 1, [0]),
    ],
)
def test_first_frames_of_clips(frames: int, clip_frames: int, stride: int, starts: list[int]) -> None:
    assert clip_starts(frames, clip_frames, stride) == starts


@given(frames=st.integers(1, 20), clip_frames=st.integers(1, 8), stride=st.integers(1, 8))
def test_every_frame_is_in_a_clip(frames: int, clip_frames: int, stride: int) -> None:
    starts = clip_starts(frames, clip_frames, min(stride, clip_frames))
    seen = {frame for start in starts for frame in range(start, min(start + clip_frames, frames))}
    assert seen == set(range(frames))
    assert starts == sorted(set(starts))


# What is kept


def test_several_classes_of_one_instance() -> None:
    probabilities = torch.tensor([[0.6, 0.009, 0.391], [0.011, 0.4, 0.589]])
    scores, labels, instances = chosen_pairs(probabilities, IfcVariant())
    assert list(zip(instances.tolist(), labels.tolist(), strict=True)) == [(0, 0), (1, 0), (1, 1)]
    assert scores.tolist() == pytest.approx([0.6, 0.011, 0.4])
    scores, labels, instances = chosen_pairs(probabilities, IfcVariant(multi_class=False))
    assert list(zip(instances.tolist(), labels.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert scores.tolist() == pytest.approx([0.6, 0.4])


class Script:
    """Stands for a model that finds, in a clip, what is written for it: probabilities above one half."""

    def __init__(self, clips: dict[int, ClipInstances]) -> None:
        self.clips = clips

    def candidates(self, _maps: FrameMaps, start: int) -> ClipInstances:
        return self.clips[start]


def found(start: int, *inside: list[str], scores: list[float]) -> ClipInstances:
    """Masks of one row, a frame a word; one class."""
    pixels = torch.tensor([[[pixel == "x" for pixel in frame] for frame in frames] for frames in inside])
    logits = torch.where(pixels, SURE, -SURE)[:, :, None]
    return ClipInstances(start, torch.tensor([[score, 1 - score] for score in scores]), logits)


def blank(frames: int) -> FrameMaps:
    maps = torch.zeros(frames, 1, 1, 1)
    return FrameMaps(maps, (maps, maps))


def follow(clips: list[ClipInstances], frames: int, variant: IfcVariant) -> VideoTracker:
    source = StoredFrames(torch.zeros(frames, 3, 1, 4, dtype=torch.uint8), 1, 4)
    tracker = VideoTracker(Script({clip.start: clip for clip in clips}), variant, source)  # type: ignore[arg-type]
    view = MapsInView()
    view.extend(blank(frames))
    tracker.follow(view)
    return tracker


SCENE = [
    found(0, ["xx..", "xx..", "xx.."], scores=[0.9]),
    found(1, ["...x", "...x", "...x"], ["xx..", "xx..", ".xx."], scores=[0.8, 0.7]),
    found(2, ["...x", "...x", "...x"], scores=[0.6]),
]


def test_a_scene_by_hand() -> None:
    tracks = follow(SCENE, 5, IfcVariant(clip_frames=3)).tracks()
    assert [(track.label, track.score) for track in tracks] == [(0, pytest.approx(0.8)), (0, pytest.approx(0.7))]
    left, right = masks(tracks)[:, :, 0]
    # The first leaves after frame 3: later it was never valid, and its mask is empty. The second comes in frame 1.
    assert left.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert right.tolist() == [[0, 0, 0, 0], *[[0, 0, 0, 1]] * 4]


def test_queries_that_find_nothing_are_left_out() -> None:
    unsure = found(0, ["xx..", "xx.."], ["..xx", "..xx"], scores=[0.4, 0.6])
    tracks = follow([unsure], 2, IfcVariant(clip_frames=2, class_threshold=0.0)).tracks()
    assert [track.score for track in tracks] == [pytest.approx(0.6)]
    assert masks(tracks)[0, :, 0].tolist() == [[0, 0, 1, 1]] * 2


def test_a_limited_number_of_tracks_are_the_best() -> None:
    tracks = follow(SCENE, 5, IfcVariant(clip_frames=3, max_tracks=1)).tracks()
    assert [track.score for track in tracks] == [pytest.approx(0.8)]


def test_nothing_found_is_no_track() -> None:
    empty = [ClipInstances(start, torch.zeros(0, 2), torch.zeros(0, 3, 1, 4)) for start in range(3)]
    assert follow(empty, 5, IfcVariant(clip_frames=3)).tracks() == []


def test_more_than_fifty_instances() -> None:
    """Objects that are gone after one frame, in clips of one frame: the released code has no room for them."""
    clips = [found(start, ["xx.."], ["..xx"], scores=[0.9, 0.8]) for start in range(40)]
    tracks = follow(clips, 40, IfcVariant(clip_frames=1)).tracks()
    assert len(tracks) == 80
    assert (masks(tracks).any((2, 3)).sum(1) == 1).all()


# With the real model


@pytest.fixture
def model(tiny: Build) -> Ifc:
    """Untrained, but it finds something, and its mask features have a mean of zero, so that masks have two sides."""
    model = tiny(norm="trained").train()
    with torch.no_grad():
        for _ in range(20):
            model.see(torch.randn(8, 3, 32, 64))  # statistics of the backbone's norms
        model.class_head.bias[-1] = -1
        model.mask_head.mask_embedding[-1].weight *= 10
    return model.eval()


def test_what_is_predicted(model: Ifc) -> None:
    prediction = model.predict(video(7), {"a": IfcVariant(clip_frames=3), "b": IfcVariant(clip_frames=2)}, top_k=1)
    assert list(prediction.tracks) == ["a", "b"]
    tracks = prediction.tracks["a"]
    assert len(tracks) > 1  # whatever top_k says
    assert masks(tracks).shape == (len(tracks), 7, 40, 80)
    assert [track.score for track in tracks] == sorted((track.score for track in tracks), reverse=True)
    assert {track.label for track in tracks} <= {0, 1, 2}
    assert prediction.frame_detections == []


def same(one: list[Track], other: list[Track]) -> None:
    assert [track.label for track in one] == [track.label for track in other]
    assert [track.score for track in one] == pytest.approx([track.score for track in other], abs=1e-5)
    assert (masks(one) != masks(other)).mean() <= 1e-3


def test_variants_together_are_variants_alone(model: Ifc) -> None:
    variants = {
        "a": IfcVariant(clip_frames=3),
        "b": IfcVariant(clip_frames=5, stride=4),
        "c": IfcVariant(clip_frames=9),
    }
    together = model.predict(video(7), variants, top_k=1).tracks
    for name, variant in variants.items():
        same(together[name], model.predict(video(7), {name: variant}, top_k=1).tracks[name])


def test_chunks_change_nothing_and_maps_are_let_go(model: Ifc, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.predict(video(9), {"only": IfcVariant(clip_frames=3)}, top_k=1).tracks["only"]
    held: list[int] = []
    extend = MapsInView.extend

    def listening(view: MapsInView, maps: FrameMaps) -> None:
        extend(view, maps)
        held.append(view.stop - view._first)

    monkeypatch.setattr(MapsInView, "extend", listening)
    monkeypatch.setattr(inference, "CHUNK_FRAMES", 2)
    same(whole, model.predict(video(9), {"only": IfcVariant(clip_frames=3)}, top_k=1).tracks["only"])
    # After 2 frames there is no clip yet; then the clip that begins next keeps 2 frames: 2 + 2 of a chunk.
    assert held == [2, 4, 4, 4, 3]


def test_the_backbone_sees_every_frame_once(model: Ifc) -> None:
    seen: list[int] = []
    model.backbone.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    model.predict(video(20), {"a": IfcVariant(), "b": IfcVariant(stride=3)}, top_k=1)
    assert seen == [18, 2]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_videos_no_longer_than_a_clip(model: Ifc, frames: int) -> None:
    clip = model.predict(video(frames), {"only": IfcVariant(clip_frames=3)}, top_k=1).tracks["only"]
    assert masks(clip).shape == (len(clip), frames, 40, 80)
    same(clip, model.predict(video(frames), {"only": IfcVariant(clip_frames=frames)}, top_k=1).tracks["only"])


@pytest.mark.parametrize("frames", [5, 12, 30])
def test_the_host_waits_for_a_card_once_a_frame_at_most(
    model: Ifc, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Released clips: five frames, one from each frame on. Copies that nobody waits for are of masks to be coded."""
    expected = model.predict(video(frames), {"only": IfcVariant()}, top_k=1).tracks["only"]
    monkeypatch.setattr(OnCard, "is_cuda", True, raising=False)
    monkeypatch.setattr(torch.cuda, "Event", MagicMock())
    monkeypatch.setattr(torch.cuda, "current_stream", MagicMock())
    move(model)
    with counting() as asked:
        tracks = model.predict(video(frames), {"only": IfcVariant()}, top_k=1).tracks["only"]
    same(expected, tracks)
    clips, waits = frames - 4, {kind: count for kind, count in (+asked).items() if kind != "to the card"}
    # Every clip's classes come with what the clip before it is like, but for the first and after the last.
    assert waits == {"to the host, waiting": clips + (clips > 1), "to the host": frames}
    assert waits["to the host, waiting"] <= frames


def test_prediction_leaves_no_graph_and_no_change(model: Ifc) -> None:
    with unchanged(model):
        model.predict(video(2), {"only": IfcVariant()}, top_k=2)


def test_maps_in_view() -> None:
    def maps(*numbers: int) -> FrameMaps:
        values = torch.tensor(numbers, dtype=torch.float32)[:, None, None, None]
        return FrameMaps(values, (values, values))

    def numbers(start: int, stop: int) -> list[float]:
        found: Tensor = view.frames(start, stop).coarse
        return found.flatten().tolist()

    view = MapsInView()
    view.extend(maps(0, 1))
    view.extend(maps(2, 3, 4))
    assert view.stop == 5
    assert numbers(1, 4) == [1, 2, 3]
    view.forget_before(3)
    view.extend(maps(5))
    assert (numbers(3, 6), view.stop) == ([3, 4, 5], 6)
