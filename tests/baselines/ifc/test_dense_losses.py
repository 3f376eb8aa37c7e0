"""The dense set loss, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vita.blocks.losses.matching import Target
from vita.blocks.losses.set_criterion import ObjectCounts
from vita_baselines.ifc.losses import DenseCriterion

PLAIN = DenseCriterion(stride=1)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def target(labels: list[int], masks: Tensor) -> Target:
    return Target(torch.tensor(labels, dtype=torch.int64), masks)


def test_targets_are_resized_softly_and_rounded_up() -> None:
    # 5 x 6 pixels at stride 4: 2 x 2 values. Bilinear, not averaged: each value looks at four pixels around its centre.
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 1, 1] = True  # one of the four pixels around (1.5, 1.5), the centre of the first value
    assert DenseCriterion().resized(target([0], mask)).masks.tolist() == [[[[0.25, 0], [0, 0]]]]
    assert DenseCriterion().resized(target([0], torch.ones(3, 2, 5, 6))).masks.shape == (3, 2, 2, 2)
    assert DenseCriterion().resized(target([], torch.ones(0, 2, 5, 6))).masks.shape == (0, 2, 2, 2)


def test_scores_by_hand() -> None:
    # Two frames of one row of two pixels. The target covers one pixel of the first frame.
    wanted = torch.tensor([[[[1, 0]], [[0, 0]]]], dtype=torch.bool)
    chance = torch.full((1, 1, 2, 2, 1, 2), logit(0.5))  # (D, B, Q, T, h, w)
    sure = torch.where(wanted, 30.0, -30.0)
    masks = torch.cat([chance[:, :, :1], sure[None, None]], 2)
    classes = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]).log()[None, None]
    scores = PLAIN.scores(classes, masks, [PLAIN.resized(target([1], wanted))])
    # Dice: (2 * 0.5 + 1) / (4 * 0.5 + 1 + 1) = 0.5, and (2 + 1) / (1 + 1 + 1) = 1; three times that, and the class.
    assert scores[0][0].tolist() == [pytest.approx([0.5 + 1.5]), pytest.approx([0.1 + 3.0])]


def test_losses_by_hand() -> None:
    wanted = torch.tensor([[[[1, 0]]]], dtype=torch.bool)
    masks = torch.tensor([logit(0.8), logit(0.4)]).view(1, 1, 1, 1, 1, 2)
    classes = torch.tensor([0.5, 0.25, 0.25]).log().view(1, 1, 1, 3)
    loss, matches = PLAIN(classes, masks, [target([0], wanted)], ObjectCounts([1]))
    assert matches[0][0][0].tolist() == [0]
    inside = 0.25 * (1 - 0.8) ** 2 * -math.log(0.8)
    outside = 0.75 * (1 - 0.6) ** 2 * -math.log(0.6)
    assert loss.mask.tolist() == pytest.approx([(inside + outside) / 2])
    assert loss.dice.tolist() == pytest.approx([1 - (2 * 0.8 + 1) / (0.8 + 0.4 + 1 + 1)])
    assert loss.classification.tolist() == pytest.approx([math.log(2)])
    assert [(term.name, term.weight) for term in loss.terms("clip")] == [
        ("clip_classification", 1.0),
        ("clip_mask", 3.0),
        ("clip_dice", 3.0),
    ]


def test_unmatched_queries_count_a_tenth() -> None:
    masks = torch.tensor([30.0, -30.0]).view(1, 1, 2, 1, 1, 1)
    classes = torch.tensor([[0.5, 0.5], [0.2, 0.8]]).log()[None, None]  # one class and "no object"
    loss, _ = PLAIN(classes, masks, [target([0], torch.ones(1, 1, 1, 1))], ObjectCounts([1]))
    assert loss.classification.item() == pytest.approx((math.log(2) - 0.1 * math.log(0.8)) / 1.1)


def random_batch(seed: int) -> tuple[Tensor, Tensor, list[Target]]:
    random = torch.Generator().manual_seed(seed)
    classes = torch.randn(2, 2, 4, 4, generator=random)
    masks = torch.randn(2, 2, 4, 3, 2, 3, generator=random)
    targets = [target(labels, torch.rand(len(labels), 3, 8, 12, generator=random) > 0.5) for labels in ([0, 2, 1], [1])]
    return classes, masks, targets


@given(seed=st.integers(0, 20))
def test_every_layer_is_matched_alone(seed: int) -> None:
    """Losses of two layers together are those of each by itself; instances are averaged over the whole batch."""
    classes, masks, targets = random_batch(seed)
    together, matches = DenseCriterion()(classes, masks, targets, ObjectCounts([3, 1]))
    for layer in range(2):
        alone, own = DenseCriterion()(classes[layer, None], masks[layer, None], targets, ObjectCounts([3, 1]))
        assert [q.tolist() for q, _ in own[0]] == [q.tolist() for q, _ in matches[layer]]
        assert alone.mask.item() == pytest.approx(together.mask[layer].item(), rel=1e-5)
        assert alone.dice.item() == pytest.approx(together.dice[layer].item(), rel=1e-5)
        assert alone.classification.item() == pytest.approx(together.classification[layer].item(), rel=1e-5)
    halved, _ = DenseCriterion()(classes, masks, targets, ObjectCounts([3, 1, 4]))
    assert (2 * halved.mask).tolist() == pytest.approx(together.mask.tolist(), rel=1e-5)


@given(seed=st.integers(0, 20))
def test_the_matching_has_the_best_sum(seed: int) -> None:
    classes, masks, targets = random_batch(seed)
    soft = [DenseCriterion().resized(one) for one in targets]
    (scores, _), ((queries, chosen), _) = (
        x[0] for x in (DenseCriterion().scores(classes, masks, soft), DenseCriterion().match(classes, masks, soft))
    )
    found = scores[queries, chosen].sum().item()
    every = [
        scores[torch.tensor([a, b, c]), torch.arange(3)].sum().item()
        for a in range(4) for b in range(4) for c in range(4) if len({a, b, c}) == 3
    ]  # fmt: skip
    assert found == pytest.approx(max(every), rel=1e-5)


def test_clips_without_objects() -> None:
    classes, masks, targets = random_batch(0)
    masks.requires_grad_()
    empty = target([], torch.zeros(0, 3, 8, 12, dtype=torch.bool))
    nothing, _ = DenseCriterion()(classes, masks, [empty, empty], ObjectCounts([0, 0]))
    assert nothing.mask.tolist() == nothing.dice.tolist() == [0, 0]
    assert (nothing.classification > 0).all()
    (nothing.mask + nothing.dice).sum().backward()  # there is still a graph, for several processes
    mixed, matches = DenseCriterion()(classes, masks, [empty, targets[1]], ObjectCounts([0, 1]))
    assert [len(queries) for queries, _ in matches[0]] == [0, 1]
    assert (mixed.mask > 0).all()
