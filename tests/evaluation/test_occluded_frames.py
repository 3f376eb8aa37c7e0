"""Occlusion of hand-made objects, from their masks and from labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, codes, ground_truth, video

from vita.evaluation.occlusion.visibility import Visibility, visibility_of
from vita.evaluation.readers.ground_truth import parse_ground_truth

HEIGHT, WIDTH = 12, 24


def box(left: int, right: int, top: int = 4, bottom: int = 8) -> np.ndarray:
    """(12, 24) mask of the columns [left, right) and rows [top, bottom)."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def visibilities(*objects: list[Any], **labels: Any) -> list[Visibility]:
    length = len(objects[0])
    found = [annotation(number, codes(masks), **labels) for number, masks in enumerate(objects, start=1)]
    truth = parse_ground_truth(ground_truth(found, [video(1, HEIGHT, WIDTH, length)]), "gt")
    return visibility_of(truth.annotations, truth.videos[1])


def test_a_square_that_another_passes_in_front_of() -> None:
    """Of a square of 4 x 4 pixels 16, 16, 8 and 16 are seen. With 8 left, 4 of 8 pixels of outline touch the other."""
    behind = [box(4, 8), box(4, 8), box(4, 6), box(4, 8)]
    in_front = [box(10, 14), box(8, 12), box(6, 10), box(0, 4)]
    first, second = visibilities(behind, in_front)
    # In frame 1 they touch too, with nothing hidden: in neither is anything occluded there.
    assert first == Visibility(visible=(0, 1, 2, 3), occluded=(2,), clear=(0, 1, 3), labelled=False)
    assert second == Visibility(visible=(0, 1, 2, 3), occluded=(), clear=(0, 1, 2, 3), labelled=False)


def test_less_at_the_edge_of_the_frame_is_no_occlusion() -> None:
    leaving = [box(4, 8), box(2, 6), box(0, 1), None]
    (alone,) = visibilities(leaving)
    assert alone == Visibility(visible=(0, 1, 2), occluded=(), clear=(0, 1), labelled=False)


@pytest.mark.parametrize(("gap", "occluded"), [(0, (2,)), (1, ())])
def test_masks_border_within_a_pixel(gap: int, occluded: tuple[int, ...]) -> None:
    """A hundredth of 12 pixels is less than one pixel, so one it is: side by side yes, a pixel between them no."""
    first, _ = visibilities([box(4, 8), box(4, 8), box(4, 6)], [None, None, box(6 + gap, 10)])
    assert first.occluded == occluded


def test_a_touch_is_no_occlusion() -> None:
    """Of 8 columns 5 are left (20 of 32 pixels, 14 of outline), and a corner pixel (1 of 14) has a neighbour."""
    shrunk = [box(4, 12), box(4, 12), box(4, 9)]
    first, _ = visibilities(shrunk, [None, None, box(9, 13, top=8, bottom=12)])
    assert first.occluded == () and first.clear == (0, 1)
    # Beside the whole right side (4 of 14) it is one.
    first, _ = visibilities(shrunk, [None, None, box(9, 13)])
    assert first.occluded == (2,)


def test_labels_decide_where_there_are_any() -> None:
    labels = ["no_occlusion", "slight_occlusion", "severe_occlusion", "severe_occlusion"]
    (found,) = visibilities([box(4, 8), box(4, 8), box(4, 6), None], occlusion=labels)
    assert found == Visibility(visible=(0, 1, 2), occluded=(1, 2), clear=(0,), labelled=True)


def test_an_object_that_is_never_seen() -> None:
    assert visibilities([None, np.zeros((HEIGHT, WIDTH), np.uint8)]) == [Visibility((), (), (), False)]
