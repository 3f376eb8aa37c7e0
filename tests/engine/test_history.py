"""Rows of history.csv by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vita.core.contract import Losses, LossTerm, UserError
from vita.engine.history import History, checked_sum, steps_of_row, values_of


def losses(mask: float, dice: float) -> Losses:
    return Losses([LossTerm("mask", torch.tensor(mask), 2.0), LossTerm("dice", torch.tensor(dice), 5.0)])


def test_values_are_unweighted_and_their_total_is_weighted() -> None:
    assert values_of([losses(0.5, 0.25)]) == {"mask": 0.5, "dice": 0.25, "total": 2.25}


def test_values_are_sums_over_passes_and_processes() -> None:
    first, second = values_of([losses(0.5, 0.25), losses(0.25, 0.5)]), values_of([losses(0.125, 0.0)])
    assert checked_sum([first, second], step=0) == {"mask": 0.875, "dice": 0.75, "total": 5.5}


def test_the_first_term_that_is_not_finite_is_named() -> None:
    with pytest.raises(UserError, match="step 7: loss 'dice' is nan"):
        checked_sum([values_of([losses(1.0, 2.0)]), values_of([losses(1.0, float("nan"))])], step=7)


def test_a_total_that_overflows_is_named() -> None:
    with pytest.raises(UserError, match="loss 'total' is inf"):
        checked_sum([values_of([losses(3e38, 0.0)])], step=0)


def test_rows_are_means_since_the_last_row(tmp_path: Path) -> None:
    history = History()
    for value in (1.0, 2.0, 6.0):
        history.add({"mask": value, "total": 2 * value})
    assert history.close_row(3, rate=0.1, seconds=1.23456) == {"mask": 3.0, "total": 6.0}
    history.note_validation(3, 12.5)
    history.add({"mask": 4.0, "total": 8.0})
    history.note_validation(4, 25.0)  # between rows: on one of its own
    history.add({"mask": 5.0, "total": 10.0})
    history.close_row(5, rate=0.01, seconds=2.0)
    history.write(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text().splitlines() == [
        "step,seconds,learning_rate,mask,total,validation_AP",
        "3,1.235,0.1,3.0,6.0,12.5",
        "4,,,,,25.0",
        "5,2.0,0.01,4.5,9.0,",
    ]


@pytest.mark.parametrize(("iterations", "steps"), [(1, 1), (9, 1), (20, 2), (199, 19), (200, 20), (140_000, 20)])
def test_a_short_training_has_ten_rows_all_the_same(iterations: int, steps: int) -> None:
    assert steps_of_row(iterations) == steps


def test_state_restores_an_open_row() -> None:
    history = History()
    history.add({"mask": 1.0})
    copy = History(**vars(history))
    copy.add({"mask": 4.0})
    assert copy.close_row(2, rate=0.1, seconds=0.0) == {"mask": 2.5}
