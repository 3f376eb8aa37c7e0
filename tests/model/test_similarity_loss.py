"""The similarity loss by hand."""

from math import exp, log

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vita.core.contract import ClipSummary
from vita.model.similarity_loss import MatchedGroups, count_pairs, similarity_loss


def grouped(*groups: tuple[Tensor, Tensor]) -> MatchedGroups:
    """Groups of embeddings (M, C) and identities (M,), filled up with what must not count."""
    embeddings, identities = zip(*groups, strict=True)
    return MatchedGroups(
        pad_sequence(embeddings, batch_first=True, padding_value=9.0),
        pad_sequence(identities, batch_first=True, padding_value=1),
        pad_sequence([torch.ones(len(one), dtype=torch.bool) for one in identities], batch_first=True),
    )


def off(x: float) -> float:
    """Loss of logit x where "another identity" is right; off(-x) where "the same" is."""
    return log(1 + exp(x))


def alone(groups: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The loss of groups that are a whole batch."""
    return similarity_loss(grouped(*groups), sum(len(identities) ** 2 for _, identities in groups))


def test_a_part_of_a_batch_counts_by_its_pairs() -> None:
    one, three = (torch.tensor([[1.0]]), torch.tensor([5])), (torch.zeros(3, 1), torch.tensor([1, 2, 3]))
    parts = [similarity_loss(grouped(group), 10).item() for group in (one, three)]
    assert parts == pytest.approx([off(-1) / 10, 9 * log(2) / 10])


def test_pairs_are_counted_beforehand() -> None:
    """Queries for 2 objects of a frame and 3 of a clip; frames with 1, 3 and 0 objects, of a clip with 3, say."""
    clips = [ClipSummary(8, 8, 3, (1, 3, 0), 0), ClipSummary(8, 8, 5, (2, 2, 2), 5)]
    assert count_pairs(clips, frame_queries=2, video_queries=3, layers=2) == 2 * ((1 + 2 + 0 + 3) ** 2 + (6 + 3) ** 2)


def test_two_orthogonal_embeddings_of_two_identities() -> None:
    embeddings, identities = torch.eye(2), torch.tensor([1, 2])
    # With itself: logit 1, wanted 1, twice. With the other: logit 0, wanted 0, twice.
    by_hand = (2 * off(-1) + 2 * off(0)) / 4
    assert alone([(embeddings, identities)]).item() == pytest.approx(by_hand)


def test_two_orthogonal_embeddings_of_one_identity() -> None:
    by_hand = (2 * off(-1) + 2 * off(0)) / 4  # log 2 for a logit of 0, either way
    assert alone([(torch.eye(2), torch.tensor([3, 3]))]).item() == pytest.approx(by_hand)


def test_products_are_neither_normalised_nor_scaled() -> None:
    embeddings = torch.tensor([[2.0, 0.0], [3.0, 4.0]])
    by_hand = (off(-4) + off(-25) + 2 * off(6)) / 4
    assert alone([(embeddings, torch.tensor([1, 2]))]).item() == pytest.approx(by_hand)


def test_pairs_stay_inside_their_group_and_all_count_alike() -> None:
    one, three = (torch.tensor([[1.0]]), torch.tensor([5])), (torch.zeros(3, 1), torch.tensor([1, 2, 3]))
    by_hand = (off(-1) + 9 * log(2)) / 10
    assert alone([one, three]).item() == pytest.approx(by_hand)


def test_descent_draws_one_identity_together_and_pushes_two_apart() -> None:
    embeddings = torch.tensor([[1.0, 0.1], [0.1, 1.0]], requires_grad=True)
    for identities, sign in ((torch.tensor([1, 1]), 1), (torch.tensor([1, 2]), -1)):
        (gradient,) = torch.autograd.grad(alone([(embeddings, identities)]), embeddings)
        moved = embeddings.detach() - 0.1 * gradient
        before, after = (embeddings[0] @ embeddings[1]).item(), (moved[0] @ moved[1]).item()
        assert (after - before) * sign > 0


def test_nothing_matched_is_zero_and_still_differentiable() -> None:
    nothing = (torch.zeros(0, 4, requires_grad=True), torch.zeros(0, dtype=torch.int64))
    for groups in ([nothing], [nothing, nothing]):
        loss = alone(groups)
        assert loss.item() == 0
        (gradient,) = torch.autograd.grad(loss, nothing[0])
        assert gradient.shape == (0, 4)
