"""Clips become a video, by hand. Masks here are one row of pixels, sure or nearly so."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vita_baselines.ifc.clip_merging import ClipInstances, ClipMerger, best_pairs, soft_iou

SURE = 30.0


def clip(start: int, *masks: list[str], probabilities: list[list[float]] | None = None) -> ClipInstances:
    """masks: for each instance the rows of its frames, "x" inside and "." outside."""
    inside = torch.tensor([[[pixel == "x" for pixel in frame] for frame in frames] for frames in masks])
    chosen = probabilities or [[0.7, 0.3]] * len(masks)
    return ClipInstances(start, torch.tensor(chosen), torch.where(inside, SURE, -SURE)[:, :, None])


def nothing(start: int, frames: int, width: int) -> ClipInstances:
    return ClipInstances(start, torch.zeros(0, 2), torch.zeros(0, frames, 1, width))


def test_soft_iou_by_hand() -> None:
    first, second = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[0.5, 0.5, 0.5], [0.0, 0.0, 0.0]])
    # Products 0.5 + 0.25; unions 1 + 0.75 + 0.5. Nothing at all is unlike everything.
    assert soft_iou(first, second).tolist() == [pytest.approx([0.75 / 2.25, 0.0], rel=1e-5)]


def test_two_objects_keep_their_numbers_when_clips_list_them_the_other_way() -> None:
    merger = ClipMerger(span=2, threshold=0.05)
    first = merger.add(clip(0, ["xx..", ".xx."], ["...x", "...x"]))
    assert first.instances.tolist() == [0, 1]
    assert first.similarity.shape == (0, 2)
    second = merger.add(clip(1, ["...x", "...x"], [".xx.", "..xx"]))
    # They share frame 1: "...x" with "...x", and ".xx." with ".xx.".
    assert second.similarity.tolist() == [pytest.approx([0, 1], abs=1e-5), pytest.approx([1, 0], abs=1e-5)]
    assert second.instances.tolist() == [1, 0]


def test_likeness_is_a_mean_over_clips_that_hold_the_instance() -> None:
    merger = ClipMerger(span=3, threshold=0.05)
    merger.add(clip(0, ["xx..", "xx..", "xx.."]))
    second = merger.add(clip(1, ["xx..", "x...", "xxxx"], ["...x", "...x", "...x"]))
    # Frames 1 and 2 are shared: 3 of 4 pixels of the union, and none.
    assert second.similarity.tolist() == [pytest.approx([3 / 4, 0], abs=1e-5)]
    assert second.instances.tolist() == [0, 1]
    third = merger.add(clip(2, ["xx..", "xx..", "xx.."]))
    # The first: frame 2 of clip 0, 2 / 2; frames 2 and 3 of clip 1, (1 + 2) / (2 + 4). The second is in clip 1 only.
    assert third.similarity.flatten().tolist() == pytest.approx([(1 + 3 / 6) / 2, 0], abs=1e-5)


def test_unlike_instances_are_new() -> None:
    # One pixel of the 21 that either has: 0.0476, not above the threshold; of 19, 0.053.
    for width, new in ((11, True), (10, False)):
        merger = ClipMerger(span=2, threshold=0.05)
        one, other = "x" * width + "." * (width - 1), "." * (width - 1) + "x" * width
        merger.add(clip(0, [one, one]))
        assert merger.add(clip(1, [other, other])).instances.tolist() == [1 if new else 0]
        assert len(merger.probabilities) == 1 + new


def test_what_is_below_the_threshold_counts_nothing_in_the_assignment() -> None:
    similarity = torch.tensor([[0.50, 0.46], [0.04, 0.0]])
    # 0.46 + 0.04 equals 0.50 + 0: but the 0.04 does not count.
    rows, columns = best_pairs(similarity, 0.05)
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == {0: 0, 1: 1}
    rows, columns = best_pairs(torch.tensor([[0.50, 0.46], [0.06, 0.0]]), 0.05)
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == {0: 1, 1: 0}


def test_classes_are_averaged_over_the_clips_that_hold_the_instance() -> None:
    merger = ClipMerger(span=2, threshold=0.05)
    merger.add(clip(0, ["xx..", "xx.."], probabilities=[[0.9, 0.1]]))
    merger.add(clip(1, ["xx..", "xx.."], ["..xx", "..xx"], probabilities=[[0.5, 0.5], [0.6, 0.4]]))
    assert merger.probabilities.tolist() == [pytest.approx([0.7, 0.3]), pytest.approx([0.6, 0.4])]


def test_masks_are_means_of_logits_over_the_clips_that_hold_the_instance() -> None:
    merger = ClipMerger(span=2, threshold=0.05)
    one = ClipInstances(0, torch.tensor([[0.7, 0.3]]), torch.tensor([[[[4.0, 9.0]], [[2.0, 8.0]]]]))
    two = ClipInstances(1, torch.tensor([[0.7, 0.3]]), torch.tensor([[[[-4.0, 6.0]], [[1.0, 1.0]]]]))
    merger.add(one)
    instances, logits = merger.frame(0)
    assert (instances.tolist(), logits.tolist()) == ([0], [[[4.0, 9.0]]])
    merger.add(two)
    assert merger.frame(1)[1].tolist() == [[[-1.0, 7.0]]]
    assert merger.frame(2)[1].tolist() == [[[1.0, 1.0]]]


def test_clips_without_instances() -> None:
    merger = ClipMerger(span=2, threshold=0.05)
    assert merger.add(nothing(0, 2, 4)).instances.tolist() == []
    assert merger.probabilities.shape == (0, 2)
    assert merger.frame(0)[0].tolist() == []
    assert merger.add(clip(1, ["xx..", "xx.."])).instances.tolist() == [0]
    assert merger.add(nothing(2, 2, 4)).rows.tolist() == []
    assert merger.frame(2)[0].tolist() == [0]  # of the clip before
    # Two clips back is too far for clips of two frames: it is another object, though it looks the same.
    assert merger.add(clip(3, ["xx..", "xx.."])).instances.tolist() == [1]


def test_clips_that_share_no_frame_begin_anew() -> None:
    merger = ClipMerger(span=2, threshold=0.05)
    merger.add(clip(0, ["xx..", "xx.."]))
    assert merger.add(clip(2, ["xx..", "xx.."])).instances.tolist() == [1]


def test_more_than_fifty_instances() -> None:
    """The released code has room for fifty instances in a video, and fails beyond."""
    merger = ClipMerger(span=1, threshold=0.05)
    for start in range(40):
        numbers = merger.add(clip(start, ["xx.."], ["..xx"])).instances
        assert numbers.tolist() == [2 * start, 2 * start + 1]
    assert merger.probabilities.shape == (80, 2)
    assert len(merger._recent) == 1  # and of all those clips only the last is held


@given(order=st.permutations(range(3)), seed=st.integers(0, 30))
def test_the_order_inside_a_clip_does_not_matter(order: list[int], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)

    def some(start: int) -> tuple[Tensor, int]:
        return torch.randn(3, 3, 1, 8, generator=random) * 3, start

    def joined(turned: bool) -> list[list[int]]:
        random.manual_seed(seed)
        merger, found = ClipMerger(span=3, threshold=0.05), []
        for logits, start in (some(0), some(1), some(2)):
            rows = order if turned and start else [0, 1, 2]
            numbers = merger.add(ClipInstances(start, torch.full((3, 2), 0.5), logits[rows])).instances.tolist()
            found.append([numbers[rows.index(row)] for row in range(3)])
        return found

    plain, turned = joined(False), joined(True)
    known = [[number for number in row if number < 3] for row in (plain[1], turned[1])]
    assert sorted(known[0]) == sorted(known[1])
    for one, other in zip(plain[1], turned[1], strict=True):
        assert one == other or min(one, other) >= 3  # new instances are numbered as they come


def test_logits_stay_finite_where_masks_are_sure() -> None:
    merger = ClipMerger(span=2, threshold=0.05)
    merger.add(clip(0, ["xxxx", "...."]))
    similarity = merger.add(clip(1, ["....", "xxxx"])).similarity
    assert similarity.isfinite().all()
    assert math.isclose(similarity.item(), 0, abs_tol=1e-6)
