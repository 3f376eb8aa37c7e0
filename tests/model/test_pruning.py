"""Token pruning and controls, by hand."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil

import pytest
import torch
from torch.testing import assert_close

from vita.model.method import Vita
from vita.model.network import VitaVariant
from vita.model.pruning import Control, apply_control, kept_query_indices, prune

Build = Callable[..., Vita]
NO_OBJECT = torch.tensor([[0.9, 0.1, 0.5, 0.2], [0.3, 0.8, 0.4, 0.7]])
QUERIES = torch.arange(8.0).view(2, 4, 1)  # frame 0: 0 1 2 3, frame 1: 4 5 6 7


def test_those_least_like_no_object_survive_in_their_order() -> None:
    query_indices = kept_query_indices(NO_OBJECT, 0.5)
    assert query_indices.tolist() == [[1, 3], [0, 2]]
    assert prune(QUERIES, query_indices).flatten().tolist() == [1, 3, 4, 6]


def test_ties_go_to_the_first() -> None:
    assert kept_query_indices(torch.full((1, 5), 0.5), 0.4).tolist() == [[0, 1]]


@pytest.mark.parametrize("queries", [1, 7, 20, 50, 100, 200])
def test_every_frame_keeps_the_ratio_rounded_up(queries: int) -> None:
    for hundredths in range(1, 101):
        query_indices = kept_query_indices(torch.rand(2, queries), hundredths / 100)
        assert query_indices.shape == (2, ceil(Fraction(hundredths, 100) * queries)), hundredths
        assert (query_indices.diff(dim=1) > 0).all()


def test_ratio_one_keeps_all() -> None:
    query_indices = kept_query_indices(NO_OBJECT, 1.0)
    assert query_indices.tolist() == [[0, 1, 2, 3]] * 2
    assert torch.equal(prune(QUERIES, query_indices), QUERIES)


@pytest.mark.parametrize(
    ("control", "left"),
    [
        (None, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ("zero", [[0, 0, 0, 0], [0, 0, 0, 0]]),
        ("first_frame", [[0, 1, 2, 3], [0, 1, 2, 3]]),
        ("one_token", [[1, 1, 1, 1], [1, 1, 1, 1]]),  # query 1 of frame 0 has the lowest "no object", 0.1
    ],
)
def test_controls(control: Control | None, left: list[list[int]]) -> None:
    assert apply_control(QUERIES, NO_OBJECT, control)[..., 0].tolist() == left


@torch.no_grad()
def test_whole_video_level_under_pruning(tiny_vita: Build) -> None:
    model = tiny_vita().eval()
    queries, no_object = torch.randn(4, 6, 32), torch.rand(4, 6)
    all_tokens = model.decode(model.object_encoder(queries[None], model.window, shift=True))
    intact = model.associate(queries, no_object, VitaVariant())
    assert_close(intact.mask_embeddings, all_tokens.mask_embeddings)
    assert_close(intact.class_logits, all_tokens.class_logits)
    # Queries that are pruned away may hold anything.
    query_indices = kept_query_indices(no_object, 0.5)
    spoilt = torch.full_like(queries, 1e3).scatter(
        1, query_indices[..., None].expand(-1, -1, 32), prune(queries, query_indices)
    )
    half = model.associate(queries, no_object, VitaVariant(prune_ratio=0.5))
    assert_close(model.associate(spoilt, no_object, VitaVariant(prune_ratio=0.5)).class_logits, half.class_logits)
    assert (half.class_logits - intact.class_logits).abs().max() > 1e-3


@torch.no_grad()
def test_controls_take_away_what_differs_between_frames(tiny_vita: Build) -> None:
    model = tiny_vita().eval()
    no_object = torch.rand(4, 6)
    videos = [torch.randn(4, 6, 32) for _ in range(2)]
    videos[1][0] = videos[0][0]  # the same first frame
    for control, equal in ((None, False), ("first_frame", True), ("one_token", True), ("zero", True)):
        one, other = (model.associate(q, no_object, VitaVariant(control=control)).class_logits for q in videos)
        assert torch.allclose(one, other, atol=1e-6) == equal, control
