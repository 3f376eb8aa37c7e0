"""Queries that go on with tracks: what a search over all assignments finds, whatever the chunks."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vita_baselines.minvis.tracking import QueryTracker, match_queries


def noise(seed: int, frames: int, queries: int, channels: int = 5) -> Tensor:
    return torch.randn(frames, queries, channels, generator=torch.Generator().manual_seed(seed))


def one_by_one(queries: Tensor) -> list[list[int]]:
    """As the paper says it: each frame's queries are put into the order of the tracks, to which the next is matched.

    Every assignment is tried.
    """
    aligned, orders = queries[0], [list(range(queries.shape[1]))]
    for frame in queries[1:]:
        cosine = torch.nn.functional.cosine_similarity(aligned[:, None], frame[None], dim=2)
        sums = {order: sum(cosine[track, query] for track, query in enumerate(order)) for order in _orders(frame)}
        best = max(sums, key=sums.__getitem__)
        aligned = frame[list(best)]
        orders.append(list(best))
    return orders


def _orders(frame: Tensor) -> list[tuple[int, ...]]:
    return list(permutations(range(len(frame))))


def test_two_objects_that_change_their_queries() -> None:
    """A points along x, B along y; in the second frame their queries swap, and B is ten times as long."""
    a, b = torch.tensor([1.0, 0.1]), torch.tensor([0.1, 1.0])
    frames = torch.stack([torch.stack([a, b]), torch.stack([10 * b, a]), torch.stack([b, a]), torch.stack([a, b])])
    assert QueryTracker().follow(frames).tolist() == [[0, 1], [1, 0], [1, 0], [0, 1]]


def test_the_sum_decides_not_the_best_pair() -> None:
    """0.9 + 0.1 is less than 0.8 + 0.7: query 0 of the frame before gives up its best."""
    assert match_queries(torch.tensor([[0.9, 0.8], [0.7, 0.1]])).tolist() == [1, 0]


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 5), queries=st.integers(1, 4))
def test_every_assignment_tried(seed: int, frames: int, queries: int) -> None:
    made = noise(seed, frames, queries)
    assert QueryTracker().follow(made).tolist() == one_by_one(made)


@given(seed=st.integers(0, 10_000), cut=st.integers(1, 6))
def test_chunks_do_not_matter(seed: int, cut: int) -> None:
    made, tracker = noise(seed, 7, 6), QueryTracker()
    parts = [tracker.follow(chunk) for chunk in made.split(cut)]
    whole = QueryTracker().follow(made)
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(whole.sort(1).values, torch.arange(6).expand(7, 6))


@pytest.mark.parametrize("seed", range(3))
def test_later_frames_change_nothing(seed: int) -> None:
    made = noise(seed, 6, 5)
    assert torch.equal(QueryTracker().follow(made)[:4], QueryTracker().follow(made[:4]))
