"""One-to-one assignments of the largest sum."""

from __future__ import annotations

from vita.evaluation.counts import Floats, Int64s


def best_assignment(worth: Floats) -> tuple[Int64s, Int64s]:
    """Rows and columns of the pairs that together are worth most, each row and each column in one pair at most.

    worth: of every pair, (rows, columns); as many pairs as there are of the fewer of both.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  # loads longer than small data take to score

    rows, columns = linear_sum_assignment(worth, maximize=True)
    return rows, columns
