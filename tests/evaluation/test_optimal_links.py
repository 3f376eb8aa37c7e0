"""What an optimal linking of masks wins: scenes of frames of 1 x 20 pixels, beside what the association oracle wins."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video
from hypothesis import given, settings
from hypothesis import strategies as st

from vita.evaluation.errors.analysis import ErrorAnalysis, analyse_errors
from vita.evaluation.errors.optimal_links import frame_ious, link_optimally, optimal_links
from vita.evaluation.errors.scene import ErrorScene, build_scene
from vita.evaluation.readers.detections import Detection, read_detections
from vita.evaluation.readers.ground_truth import GroundTruth, parse_ground_truth

WIDTH, FRAMES = 20, 4
HALF = 51 / 101  # one of two objects is found, and first: precision 1 at recalls up to 1/2


def span(first: int, last: int) -> np.ndarray:
    columns = np.arange(WIDTH)
    return ((columns >= first) & (columns < last))[None]


A, B = span(0, 10), span(10, 20)
BETWEEN = span(4, 15)  # IoU 6 / 15 with A, 5 / 16 with B


def read(objects: list[list[Any]], tracks: list[list[Any]]) -> tuple[GroundTruth, list[Detection]]:
    annotations = [annotation(number, codes(masks)) for number, masks in enumerate(objects, 1)]
    videos = [video(height=1, width=WIDTH, length=FRAMES)]
    truth = parse_ground_truth(ground_truth(annotations, videos), "gt")
    entries = [prediction(codes(masks), 0.9 - number / 10) for number, masks in enumerate(tracks)]
    return truth, read_detections(entries, truth, "predictions")


def analyse(objects: list[list[Any]], tracks: list[list[Any]]) -> ErrorAnalysis:
    return analyse_errors(*read(objects, tracks))


def scene_of(objects: list[list[Any]], tracks: list[list[Any]]) -> ErrorScene:
    truth, detections = read(objects, tracks)
    return build_scene(1, truth, truth.annotations, detections)


def association(found: ErrorAnalysis) -> float:
    return next(kind.alone for kind in found.kinds if kind.name == "association")


def test_swapped_identities_are_all_won_back() -> None:
    found = analyse([[A] * 4, [B] * 4], [[A, A, B, B], [B, B, A, A]])
    assert (found.ap, association(found), found.optimal_links) == pytest.approx((0, 1, 1))
    assert found.to_json()["association_optimal"] == found.optimal_links
    assert [*found.further()] == ["association", "association_optimal"]


def test_a_mask_between_two_objects_goes_where_all_masks_fit_best() -> None:
    objects, tracks = [[A] * 4, [B] * 4], [[A, A, BETWEEN, BETWEEN], [B, B, A, A]]
    found = analyse(objects, tracks)
    # The first track: (10 + 10 + 6 + 6) / (10 + 10 + 15 + 15) = 0.64 with A, right at 3 thresholds. The second: 1/3.
    assert found.ap == pytest.approx(3 * HALF / 10)
    # The oracle: the first keeps its masks, all on A; the second loses those on A: 20 / 40 with B, right at 0.5.
    assert found.ap + association(found) == pytest.approx((1 + 2 * HALF) / 10)
    # In the last two frames A with the second track's mask and B with BETWEEN (1 + 5 / 16) is worth more than A with
    # BETWEEN and B with nothing (6 / 15). Then the first has IoU 1, and the second (10 + 10 + 5 + 5) / 52 = 0.577.
    assert found.ap + found.optimal_links == pytest.approx((2 + 8 * HALF) / 10)
    assert optimal_links(scene_of(objects, tracks)).tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]


def test_a_better_mask_of_another_track_is_exchanged_for_the_own() -> None:
    # 6 of 9 pixels in each frame: 24 / 36, right at 4 thresholds. With the second track's two: 30 / 36, right at 7.
    whole, part = span(0, 9), span(0, 6)
    objects, tracks = [[whole] * 4], [[part] * 4, [whole, whole, None, None]]
    found = analyse(objects, tracks)
    assert (found.ap, association(found), found.optimal_links) == pytest.approx((0.4, 0, 0.3))
    scene = scene_of(objects, tracks)
    first, second = scene.tracks
    linked = link_optimally(scene, 1.0).tracks
    assert [track.masks for track in linked] == [second.masks[:2] + first.masks[2:], [*first.masks[:2], "", ""]]
    assert linked[0].overlaps.tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3])


def test_pieces_become_one_track_and_emptied_tracks_go() -> None:
    linked = link_optimally(scene_of([[A] * 4], [[A, A, A, None], [None, None, None, A]]), 1.0).tracks
    assert [track.present.tolist() for track in linked] == [[True] * 4]
    # The one track is the second object's; the first, which it shows in one frame, gets a track of its own.
    pieces = link_optimally(scene_of([[A, None, None, None], [None, B, B, B]], [[A, B, B, B]]), 1.0).tracks
    assert [track.present.tolist() for track in pieces] == [[False, True, True, True], [True, False, False, False]]


masks = st.one_of(st.none(), st.sampled_from([A, B, BETWEEN, span(0, 6), span(12, 18), span(2, 4)]))
two_tracks = st.lists(st.lists(masks, min_size=FRAMES, max_size=FRAMES), min_size=1, max_size=4)


@settings(max_examples=60)
@given(tracks=two_tracks)
def test_masks_change_places_and_nothing_else(tracks: list[list[Any]]) -> None:
    scene = scene_of([[A] * 4, [B] * 4], tracks)
    linked = link_optimally(scene, 1.0)
    for frame in range(FRAMES):
        before, after = (Counter(one.masks[frame] for one in some.tracks) for some in (scene, linked))
        assert +before - Counter({"": before[""]}) == +after - Counter({"": after[""]})
    ious, givers = frame_ious(scene), optimal_links(scene)
    ious = np.where(ious >= 0.1, ious, 0.0)
    owned = sum(ious[:, number, track.owner].sum() for number, track in enumerate(scene.tracks) if track.owner >= 0)
    linked_ious = [ious[frame, track, number] for (number, frame), track in np.ndenumerate(givers) if track >= 0]
    assert all(linked_ious) and sum(linked_ious) >= owned - 1e-4  # own masks are given 1e-6 more
