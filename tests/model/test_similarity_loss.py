"""The similarity loss by hand."""

from math import exp, log

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vita.model.similarity_loss import MatchedGroups, similarity_loss


def grouped(*groups: tuple[Tensor, Tensor]) -> MatchedGroups:
    """Groups of embeddings (M, C) and identities (M,), filled up with what must not count."""
    embeddings, identities = zip(*groups, strict=True)
    return MatchedGroups(
        pad_sequence(embeddings, batch_first=True, padding_value=9.0),
        pad_sequence(identities, batch_first=True, padding_value=1),
        pad_sequence([torch.ones(len(one), dtype=torch.bool) for one in identities], batch_first=True),
        sum(len(one) ** 2 for one in identities),
    )


def off(x: float) -> float:
    """Loss of logit x where "another identity" is right; off(-x) where "the same" is."""
    return log(1 + exp(x))


def test_two_orthogonal_embeddings_of_two_identities() -> None:
    embeddings, identities = torch.eye(2), torch.tensor([1, 2])
    # With itself: logit 1, wanted 1, twice. With the other: logit 0, wanted 0, twice.
    by_hand = (2 * off(-1) + 2 * off(0)) / 4
    assert similarity_loss(grouped((embeddings, identities))).item() == pytest.approx(by_hand)


def test_two_orthogonal_embeddings_of_one_identity() -> None:
    by_hand = (2 * off(-1) + 2 * off(0)) / 4  # log 2 for a logit of 0, either way
    assert similarity_loss(grouped((torch.eye(2), torch.tensor([3, 3])))).item() == pytest.approx(by_hand)


def test_products_are_neither_normalised_nor_scaled() -> None:
    embeddings = torch.tensor([[2.0, 0.0], [3.0, 4.0]])
    by_hand = (off(-4) + off(-25) + 2 * off(6)) / 4
    assert similarity_loss(grouped((embeddings, torch.tensor([1, 2])))).item() == pytest.approx(by_hand)


def test_pairs_stay_inside_their_group_and_all_count_alike() -> None:
    one, three = (torch.tensor([[1.0]]), torch.tensor([5])), (torch.zeros(3, 1), torch.tensor([1, 2, 3]))
    by_hand = (off(-1) + 9 * log(2)) / 10
    assert similarity_loss(grouped(one, three)).item() == pytest.approx(by_hand)


def test_descent_draws_one_identity_together_and_pushes_two_apart() -> None:
    embeddings = torch.tensor([[1.0, 0.1], [0.1, 1.0]], requires_grad=True)
    for identities, sign in ((torch.tensor([1, 1]), 1), (torch.tensor([1, 2]), -1)):
        (gradient,) = torch.autograd.grad(similarity_loss(grouped((embeddings, identities))), embeddings)
        moved = embeddings.detach() - 0.1 * gradient
        before, after = (embeddings[0] @ embeddings[1]).item(), (moved[0] @ moved[1]).item()
        assert (after - before) * sign > 0


def test_nothing_matched_is_zero_and_still_differentiable() -> None:
    nothing = (torch.zeros(0, 4, requires_grad=True), torch.zeros(0, dtype=torch.int64))
    for groups in ([nothing], [nothing, nothing]):
        loss = similarity_loss(grouped(*groups))
        assert loss.item() == 0
        (gradient,) = torch.autograd.grad(loss, nothing[0])
        assert gradient.shape == (0, 4)
