"""Matching costs by hand, and what matching must not depend on."""

from math import exp, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_scenes import CENTRES, ChosenPoints
from torch.testing import assert_close

from vita.blocks.losses.matching import Target, Weights, match, matching_costs

ONLY_CLASS, ONLY_MASK, ONLY_DICE = Weights(1, 0, 0), Weights(0, 1, 0), Weights(0, 0, 1)
# One layer, one clip, two queries, two frames of 2 x 2 pixels. The second query is 0 everywhere: probability 1/2.
MASK_LOGITS = torch.zeros(1, 1, 2, 2, 2, 2)
MASK_LOGITS[0, 0, 0] = torch.tensor([[[2.0, -1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]]])
CLASS_LOGITS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 1.0]]).view(1, 1, 2, 3)  # classes 0, 1 and "no object"
FIRST = [[[True, False], [False, False]], [[False, False], [False, False]]]  # absent in the second frame
SECOND = [[[True, True], [True, True]], [[True, True], [True, True]]]
TARGET = Target(torch.tensor([0, 1]), torch.tensor([FIRST, SECOND]))
POINTS = ChosenPoints([CENTRES[0], CENTRES[1]])  # top left and top right, in both frames


def costs(weights: Weights) -> list[list[float]]:
    return matching_costs(CLASS_LOGITS, MASK_LOGITS, [TARGET], weights, 2, POINTS)[0][0].tolist()


def test_class_cost_is_minus_the_probability() -> None:
    total = (exp(1) + 2, exp(2) + exp(1) + 1)
    by_hand = [[-exp(1) / total[0], -1 / total[0]], [-1 / total[1], -exp(2) / total[1]]]
    assert costs(ONLY_CLASS) == [pytest.approx(row) for row in by_hand]


def test_mask_cost_is_the_mean_over_all_points_of_all_frames() -> None:
    def off(x: float) -> float:  # -log(1 - sigmoid(x))
        return log(1 + exp(x))

    # Query 0 has 2, -1 in the first frame and 0, 0 in the second. A frame without the object counts as empty.
    first = (off(-2) + off(-1) + 2 * log(2)) / 4
    second = (off(-2) + off(1) + 2 * log(2)) / 4
    assert costs(ONLY_MASK) == [pytest.approx([first, second]), pytest.approx([log(2), log(2)])]


def test_dice_cost_pools_all_points_of_all_frames() -> None:
    a, b = 1 / (1 + exp(-2)), 1 / (1 + exp(1))
    soft = a + b + 0.5 + 0.5
    query_0 = [1 - (2 * a + 1) / (soft + 1 + 1), 1 - (2 * soft + 1) / (soft + 4 + 1)]
    query_1 = [1 - (2 * 0.5 + 1) / (2 + 1 + 1), 1 - (2 * 2 + 1) / (2 + 4 + 1)]
    assert costs(ONLY_DICE) == [pytest.approx(query_0), pytest.approx(query_1)]


def test_weights_add_the_three_costs() -> None:
    parts = (torch.tensor(costs(w)) for w in (ONLY_CLASS, ONLY_MASK, ONLY_DICE))
    by_hand = sum(weight * part for weight, part in zip((2, 5, 5), parts, strict=True))
    assert_close(torch.tensor(costs(Weights())), by_hand)


def test_the_cheapest_pairs_are_chosen_together() -> None:
    # Class probabilities say 0.6/0.4 against 0.9/0.3: query 0 likes target 0 best, but the sum is best crosswise.
    probabilities = torch.tensor([[0.6, 0.4], [0.9, 0.05]])
    logits = torch.cat([probabilities, 1 - probabilities.sum(1, keepdim=True)], 1).clamp(min=1e-9).log()
    masks = torch.zeros(1, 1, 2, 1, 2, 2)
    target = Target(torch.tensor([0, 1]), torch.zeros(2, 1, 2, 2, dtype=torch.bool))
    ((queries, chosen),) = match(logits[None, None], masks, [target], ONLY_CLASS, 2, POINTS)[0]
    assert list(zip(queries.tolist(), chosen.tolist(), strict=True)) == [(0, 1), (1, 0)]  # 0.4 + 0.9 > 0.6 + 0.05


@given(seed=st.integers(0, 10_000), objects=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_order_of_targets_does_not_matter(seed: int, objects: int) -> None:
    random = torch.Generator().manual_seed(seed)
    class_logits = torch.randn(1, 1, 7, 4, generator=random)
    mask_logits = torch.randn(1, 1, 7, 3, 8, 8, generator=random)
    target = Target(
        torch.randint(0, 3, (objects,), generator=random), torch.rand(objects, 3, 8, 8, generator=random) > 0.5
    )
    points = torch.rand(1, 1, 20, 2, generator=random)
    order = torch.randperm(objects, generator=random)
    permuted = Target(target.labels[order], target.masks[order])

    def pairs(target: Target) -> dict[int, int]:
        ((queries, chosen),) = match(class_logits, mask_logits, [target], Weights(), 20, lambda *_, **__: points)[0]
        return dict(zip(queries.tolist(), chosen.tolist(), strict=True))

    assert {query: int(order[place]) for query, place in pairs(permuted).items()} == pairs(target)


def test_every_clip_has_its_own_points_and_matches() -> None:
    class_logits, mask_logits = torch.randn(2, 3, 4, 3), torch.randn(2, 3, 4, 2, 8, 8)
    targets = [Target(torch.randint(0, 2, (n,)), torch.rand(n, 2, 8, 8) > 0.5) for n in (2, 0, 3)]
    points = torch.rand(2, 3, 10, 2)
    together = match(class_logits, mask_logits, targets, Weights(), 10, lambda *_, **__: points)
    for layer in range(2):
        for clip in range(3):
            one = (slice(layer, layer + 1), slice(clip, clip + 1))
            ((alone,),) = match(
                class_logits[one], mask_logits[one], [targets[clip]], Weights(), 10, lambda *_, p=points[one], **__: p
            )
            assert [part.tolist() for part in together[layer][clip]] == [part.tolist() for part in alone]
            assert len(alone[0]) == (2, 0, 3)[clip]


def test_diverged_predictions_are_still_matched() -> None:
    masks = torch.full((1, 1, 2, 2, 2, 2), float("nan"))
    ((queries, chosen),) = match(CLASS_LOGITS, masks, [TARGET], Weights(), 2, POINTS)[0]
    assert len(queries) == len(chosen) == 2
