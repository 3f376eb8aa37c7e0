"""The set loss by hand."""

from math import exp, log

import pytest
import torch
from loss_scenes import CENTRES, ChosenPoints
from torch import Tensor
from torch.testing import assert_close

from vita.blocks.losses.matching import Match, Target
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion, SetLoss

DIAGONAL = torch.tensor([[True, False], [False, True]])
# The candidates are the four pixel centres and all are kept, so that every pixel counts once.
EVERY_PIXEL = {"points": 4, "oversample": 1.0, "importance": 1.0}


def draws() -> ChosenPoints:
    return ChosenPoints(CENTRES)


def run(
    criterion: SetCriterion, class_logits: Tensor, mask_logits: Tensor, target: Target, masks: int = 1
) -> tuple[SetLoss, list[list[Match]]]:
    """One layer and one clip: class_logits (Q, K+1), mask_logits (Q, T, h, w)."""
    return criterion(class_logits[None, None], mask_logits[None, None], [target], ObjectCounts([masks]), draws())


def test_perfect_prediction_costs_nothing() -> None:
    mask_logits = torch.where(DIAGONAL, 30.0, -30.0).expand(1, 3, 2, 2)
    target = Target(torch.tensor([1]), DIAGONAL.expand(1, 3, 2, 2))
    loss, _ = run(SetCriterion(**EVERY_PIXEL), torch.tensor([[0.0, 30.0, 0.0]]), mask_logits, target)
    for part in (loss.classification, loss.mask, loss.dice):
        assert_close(part, torch.zeros(1), atol=1e-6, rtol=0)


def test_opposite_prediction_costs_much() -> None:
    mask_logits = torch.where(DIAGONAL, -30.0, 30.0).expand(1, 1, 2, 2)
    target = Target(torch.tensor([0]), DIAGONAL.expand(1, 1, 2, 2))
    loss, _ = run(SetCriterion(**EVERY_PIXEL), torch.tensor([[0.0, 30.0]]), mask_logits, target)
    assert_close(loss.mask, torch.tensor([30.0]))
    assert_close(loss.dice, torch.tensor([1 - 1 / (2 + 2 + 1)]))
    assert_close(loss.classification, torch.tensor([30.0]))


def test_mask_terms_at_chosen_points() -> None:
    logits = torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]])
    target = Target(torch.tensor([0]), DIAGONAL.expand(1, 1, 2, 2))
    loss, _ = run(SetCriterion(**EVERY_PIXEL), torch.zeros(1, 2), logits, target)
    # Wanted: 1 at logits 1 and 0, 0 at logits -2 and 3.
    bce = (log(1 + exp(-1)) + log(2) + log(1 + exp(-2)) + log(1 + exp(3))) / 4
    soft = [1 / (1 + exp(-x)) for x in (1, -2, 3, 0)]
    dice = 1 - (2 * (soft[0] + soft[3]) + 1) / (sum(soft) + 2 + 1)
    assert loss.mask.item() == pytest.approx(bce)
    assert loss.dice.item() == pytest.approx(dice)
    twice, _ = run(SetCriterion(**EVERY_PIXEL), torch.zeros(1, 2), logits, target, masks=4)
    assert_close(twice.mask, loss.mask / 4)
    assert_close(twice.dice, loss.dice / 4)


def test_logits_at_a_quarter_of_the_targets_size_are_not_upsampled() -> None:
    """A point sees the bilinear value of each map on its own grid."""
    target = Target(torch.tensor([0]), torch.zeros(1, 1, 8, 8, dtype=torch.bool))
    target.masks[..., :4, :4] = True
    logits = torch.where(torch.tensor([[True, False], [False, False]]), 30.0, -30.0).view(1, 1, 2, 2)
    loss, _ = run(SetCriterion(**EVERY_PIXEL), torch.zeros(1, 2), logits, target)
    assert_close(loss.mask, torch.zeros(1), atol=1e-6, rtol=0)
    assert_close(loss.dice, torch.zeros(1), atol=1e-6, rtol=0)


def test_unmatched_queries_weigh_a_tenth() -> None:
    # Query 0 is sure of class 0 and takes the target; query 1 should say "no object", the last class.
    class_logits = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    target = Target(torch.tensor([0]), DIAGONAL.expand(1, 1, 2, 2))
    mask_logits = torch.where(DIAGONAL, 5.0, -5.0) * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    loss, matches = run(SetCriterion(**EVERY_PIXEL), class_logits, mask_logits, target)
    assert [part.tolist() for part in matches[0][0]] == [[0], [0]]
    matched, unmatched = log(1 + exp(-2)), log(1 + exp(1))
    assert loss.classification.item() == pytest.approx((matched + 0.1 * unmatched) / 1.1)
    plain, _ = run(SetCriterion(**EVERY_PIXEL, no_object_weight=1.0), class_logits, mask_logits, target)
    assert plain.classification.item() == pytest.approx((matched + unmatched) / 2)


def test_frames_joint_or_separate() -> None:
    frames = 3
    logits = torch.tensor([[1.0, -2.0], [3.0, 0.0]]).expand(1, frames, 2, 2)  # every frame alike
    target = Target(torch.tensor([0]), DIAGONAL.expand(1, frames, 2, 2))
    (joint, _), (separate, _) = (
        run(SetCriterion(**EVERY_PIXEL, frames=kind), torch.zeros(1, 2), logits, target)
        for kind in ("joint", "separate")
    )
    assert_close(separate.mask, joint.mask * frames)
    soft = [1 / (1 + exp(-x)) for x in (1, -2, 3, 0)]
    both = soft[0] + soft[3]
    assert separate.dice.item() == pytest.approx(frames * (1 - (2 * both + 1) / (sum(soft) + 2 + 1)))
    pooled = 1 - (2 * frames * both + 1) / (frames * (sum(soft) + 2) + 1)
    assert joint.dice.item() == pytest.approx(pooled)


def test_every_layer_has_its_own_loss() -> None:
    torch.manual_seed(0)
    class_logits, mask_logits = torch.randn(3, 1, 4, 3), torch.randn(3, 1, 4, 2, 2, 2)
    target = Target(torch.tensor([0, 1]), torch.rand(2, 2, 2, 2) > 0.5)
    criterion = SetCriterion(**EVERY_PIXEL)
    together, _ = criterion(class_logits, mask_logits, [target], ObjectCounts([2]), draws())
    for layer in range(3):
        alone, _ = run(criterion, class_logits[layer, 0], mask_logits[layer, 0], target, 2)
        for name in ("classification", "mask", "dice"):
            assert_close(getattr(together, name)[layer : layer + 1], getattr(alone, name))
    named = {term.name: term for term in together.terms("frame")}
    assert {name: term.weight for name, term in named.items()} == {
        "frame_classification": 2.0,
        "frame_mask": 5.0,
        "frame_dice": 5.0,
    }
    assert_close(named["frame_mask"].value, together.mask.sum())


def test_order_of_targets_does_not_change_the_loss() -> None:
    torch.manual_seed(0)
    class_logits, mask_logits = torch.randn(5, 4), torch.randn(5, 2, 2, 2)
    target = Target(torch.tensor([0, 1, 2]), torch.rand(3, 2, 2, 2) > 0.5)
    order = torch.tensor([2, 0, 1])
    criterion = SetCriterion(**EVERY_PIXEL)
    one, _ = run(criterion, class_logits, mask_logits, target)
    other, _ = run(criterion, class_logits, mask_logits, Target(target.labels[order], target.masks[order]))
    for name in ("classification", "mask", "dice"):
        assert_close(getattr(one, name), getattr(other, name))


def test_nothing_to_find_teaches_no_object_only() -> None:
    class_logits = torch.zeros(2, 3, 4, 3, requires_grad=True)
    mask_logits = torch.randn(2, 3, 4, 2, 8, 8, requires_grad=True)
    nothing = Target(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2, 32, 32, dtype=torch.bool))
    loss, matches = SetCriterion(**EVERY_PIXEL)(
        class_logits, mask_logits, [nothing] * 3, ObjectCounts([0] * 3), draws()
    )
    assert all(len(queries) == len(chosen) == 0 for layer in matches for queries, chosen in layer)
    assert loss.mask.tolist() == loss.dice.tolist() == [0, 0]
    assert_close(loss.classification, torch.full((2,), log(3)))
    sum(term.value for term in loss.terms("video")).backward()
    assert (class_logits.grad[..., :-1] > 0).all()  # towards "no object"
    assert (class_logits.grad[..., -1] < 0).all()
    assert torch.equal(mask_logits.grad, torch.zeros_like(mask_logits))


def test_half_precision_logits_are_summed_in_single() -> None:
    target = Target(torch.tensor([0]), DIAGONAL.expand(1, 1, 2, 2))
    mask_logits = torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]])
    half, _ = run(SetCriterion(**EVERY_PIXEL), torch.zeros(1, 2).bfloat16(), mask_logits.bfloat16(), target)
    single, _ = run(SetCriterion(**EVERY_PIXEL), torch.zeros(1, 2), mask_logits, target)
    for name in ("classification", "mask", "dice"):
        assert getattr(half, name).dtype == torch.float32
        assert_close(getattr(half, name), getattr(single, name))


def test_number_of_masks_is_at_least_one() -> None:
    assert [ObjectCounts(counts).masks for counts in ([0, 0], [0, 1], [3, 4])] == [1.0, 1.0, 7.0]


def test_the_parts_of_a_batch_add_up() -> None:
    """Clips with no, two and six objects, and four queries: each alone, with the counts of all, or all at once."""
    torch.manual_seed(0)
    class_logits, mask_logits = torch.randn(2, 3, 4, 3), torch.randn(2, 3, 4, 2, 2, 2)
    counts = (0, 2, 6)
    targets = [Target(torch.randint(0, 2, (n,)), torch.rand(n, 2, 2, 2) > 0.5, clip) for clip, n in enumerate(counts)]
    for kind in ("joint", "separate"):
        criterion, whole = SetCriterion(**EVERY_PIXEL, frames=kind), ObjectCounts(counts)
        together, _ = criterion(class_logits, mask_logits, targets, whole, draws())
        parts = [
            criterion(class_logits[:, one : one + 1], mask_logits[:, one : one + 1], [targets[one]], whole, draws())[0]
            for one in range(3)
        ]
        for name in ("classification", "mask", "dice"):
            assert_close(torch.stack([getattr(part, name) for part in parts]).sum(0), getattr(together, name))


def test_weights_of_classes_are_counted_beforehand() -> None:
    """They are what the cross-entropy of all queries at once divides by: queries left over weigh a tenth."""
    assert ObjectCounts([0, 2, 6]).class_weight(4, 0.1) == pytest.approx((2 + 4) + 0.1 * (4 + 2))
    assert ObjectCounts([3], taught=[1]).class_weight(4, 0.1) == pytest.approx(1 + 0.1 * 3)
    assert ObjectCounts([3], taught=[0]).class_weight(4, 0.1) == pytest.approx(0.4)
