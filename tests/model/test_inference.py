"""Whole-video inference: chunks, variants, edges."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from noise_video import Noise, with_masks
from promises import unchanged
from same_tracks import assert_same, assert_same_tracks, masks

from vita.core.plugins import find_inference_wrapper
from vita.engine.inference_plan import VideoInParts, read_plan
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant

VARIANTS = {
    "intact": VitaVariant(),
    "pruned": VitaVariant(prune_ratio=0.5),
    "window": VitaVariant(window=2),
    "zero": VitaVariant(control="zero"),
}


@pytest.fixture
def model(tiny_vita: Callable[..., Vita]) -> Vita:
    return with_masks(tiny_vita().eval())


def test_what_is_predicted(model: Vita) -> None:
    prediction = model.predict(Noise(5), VARIANTS, top_k=7)
    assert list(prediction.tracks) == list(VARIANTS)
    for tracks in prediction.tracks.values():
        assert len(tracks) == 7
        assert masks(tracks).shape == (7, 5, 60, 75)
        scores = [track.score for track in tracks]
        assert scores == sorted(scores, reverse=True)
        assert 0 <= scores[-1] < scores[0] <= 1
        assert {track.label for track in tracks} <= {0, 1, 2}
    areas = masks(prediction.tracks["intact"]).mean((2, 3))
    assert areas.min() > 0.05
    assert areas.max() < 0.95
    assert [found.frame_index for found in prediction.frame_detections] == [t for t in range(5) for _ in range(7)]
    assert all(found.segmentation["size"] == [60, 75] for found in prediction.frame_detections)


def test_frames_come_in_chunks_that_change_nothing(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, pieces = Noise(5), Noise(5)
    expected = model.predict(whole, VARIANTS, top_k=5)
    assert whole.reads == [(0, 5)]
    decoded = []
    monkeypatch.setattr("vita.blocks.frame_detector.CHUNK_FRAMES", 2)
    monkeypatch.setattr("vita.model.tracks.frames_per_chunk", lambda geometry: decoded.append(geometry) or 1)
    monkeypatch.setattr("vita.model.inference.FRAMES_ON_DEVICE", 1)
    assert_same(model.predict(pieces, VARIANTS, top_k=5), expected)
    assert pieces.reads == [(0, 2), (2, 4), (4, 5)]
    assert len(decoded) == 1


def test_variants_together_are_variants_one_by_one(model: Vita) -> None:
    together = model.predict(Noise(4), VARIANTS, top_k=5)
    for name, variant in VARIANTS.items():
        alone = model.predict(Noise(4), {name: variant}, top_k=5)
        assert_same_tracks(together.tracks[name], alone.tracks[name])
    differing = {name for name in VARIANTS if together.tracks[name] != together.tracks["intact"]}
    assert differing == {"pruned", "window", "zero"}


def test_equal_variants_are_one(model: Vita, monkeypatch: pytest.MonkeyPatch) -> None:
    associated, associate = [], Vita.associate
    monkeypatch.setattr(Vita, "associate", lambda *given: associated.append(given[3]) or associate(*given))
    tracks = model.predict(
        Noise(3), {"intact": VitaVariant(), "window": VitaVariant(window=2), "again": VitaVariant()}, 4
    )
    assert associated == [VitaVariant(), VitaVariant(window=2)]
    assert list(tracks.tracks) == ["intact", "window", "again"]
    assert tracks.tracks["again"] == tracks.tracks["intact"]


CLIPS = {
    f"{matching}{length}": {"through": "clip_association", "clip_frames": length, "matching": matching, **more}
    for matching in ("greedy", "hungarian")
    for length, more in ((2, {}), (3, {"overlap": 1, "each": {"prune_ratio": 0.5}}), (4, {}), (9, {}))
}
ALL_VARIANTS = {"intact": {}, "pruned": {"prune_ratio": 0.5}, "window": {"window": 2}, "zero": {"control": "zero"}}


def test_one_detector_pass_serves_all_variants_and_all_clips(model: Vita) -> None:
    """Seven frames in chunks: every frame passes the detector once, though clips of four lengths are predicted too."""
    video, seen = Noise(7), []
    model.detector.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    plan = read_plan(definition, {**ALL_VARIANTS, **CLIPS})
    prediction = plan.predict(model, video, top_k=3)
    assert sum(seen) == 7
    assert video.reads == [(0, 7)]
    assert set(prediction.tracks) == {*ALL_VARIANTS, *CLIPS}
    assert all(len(track.segmentations) == 7 for tracks in prediction.tracks.values() for track in tracks)


@pytest.mark.parametrize("chunk", [2, 18])
def test_a_shared_pass_changes_nothing(model: Vita, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Parts of seven frames, whole clips and cut ones, beside the same parts as videos of their own."""
    monkeypatch.setattr("vita.blocks.frame_detector.CHUNK_FRAMES", chunk)
    video = Noise(7)
    shared, alone = model.encode_video(video, 4), VideoInParts(model, video, 4)
    for start, stop in [(0, 7), (0, 3), (3, 6), (6, 7), (1, 6), (2, 4)]:
        assert_same(shared.predict(start, stop, VARIANTS), alone.predict(start, stop, VARIANTS))


def test_clips_are_associated_as_without_sharing(model: Vita) -> None:
    video, plan = Noise(7), read_plan(definition, CLIPS)
    tracks = plan.predict(model, video, top_k=4).tracks
    for name, variants in plan.through.items():
        alone = find_inference_wrapper(name).predict(VideoInParts(model, video, 4), video, variants, 4)
        assert alone.keys() == tracks.keys()
        for variant in alone:
            assert_same_tracks(tracks[variant], alone[variant])


def test_video_of_one_frame(model: Vita) -> None:
    prediction = model.predict(Noise(1), {"window": VitaVariant(window=6), "all": VitaVariant(window=0)}, top_k=4)
    assert masks(prediction.tracks["window"]).shape == (4, 1, 60, 75)
    assert_same_tracks(prediction.tracks["window"], prediction.tracks["all"])  # one frame is always one window


def test_the_models_own_window_unless_told_otherwise(model: Vita) -> None:
    model.window = 2
    tracks = model.predict(
        Noise(5), {"own": VitaVariant(), "two": VitaVariant(window=2), "six": VitaVariant(window=6)}, 3
    )
    assert_same_tracks(tracks.tracks["own"], tracks.tracks["two"])
    assert tracks.tracks["own"] != tracks.tracks["six"]


def test_more_asked_than_there_is(model: Vita) -> None:
    prediction = model.predict(Noise(1), {"all": VitaVariant()}, top_k=1000)
    assert len(prediction.tracks["all"]) == 5 * 3  # video queries x classes
    assert len(prediction.frame_detections) == 6 * 3  # frame queries x classes


def test_a_query_is_kept_once_for_every_class_that_it_may_be(model: Vita) -> None:
    tracks = model.predict(Noise(2), {"all": VitaVariant()}, top_k=1000).tracks["all"]
    by_mask: dict[tuple[str, ...], set[int]] = {}
    for track in tracks:
        by_mask.setdefault(tuple(code["counts"] for code in track.segmentations), set()).add(track.label)
    assert list(by_mask.values()) == [{0, 1, 2}] * 5  # five video queries, three classes


def test_prediction_leaves_no_graph_and_no_change(model: Vita) -> None:
    with unchanged(model):
        model.predict(Noise(2), VARIANTS, top_k=2)
