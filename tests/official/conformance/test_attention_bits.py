"""What is computed again in 64 bits: failures downstream of an attention-mask bit next to zero, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vita.official.conformance.attention_bits import Decoded, Entry, compare_downstream, in_double
from vita.official.conformance.check import VALUES
from vita.official.conformance.run import Report, line
from vita.official.contract import Check

DEPTHS = 3
Output = list[Tensor]  # one number a depth


def decoded(values: list[float], bits: dict[int, float]) -> Decoded[Output]:
    """Values by depth; masks of 2 x 2 positions that are 1 everywhere but, at some depths, at one of them."""
    masks = torch.ones(DEPTHS, 1, 2, 2)
    for depth, logit in bits.items():
        masks[depth, 0, 1, 0] = logit
    return Decoded([torch.tensor([value]) for value in values], list(masks), [(2, 2)] * DEPTHS)


def check(single: Decoded[Output], double: Decoded[Output], recorded: list[float]) -> Check:
    def entries(output: Output) -> list[Entry]:
        return [(i, x, torch.tensor([y])) for i, (x, y) in enumerate(zip(output, recorded, strict=True))]

    return compare_downstream("group", entries, single, lambda: double, VALUES)


RIGHT, WRONG = [1.0, 2.0, 3.0], [1.0, 2.0, 3.1]  # wrong at the last depth


def test_a_flipped_bit_next_to_zero_is_looked_at_again() -> None:
    found = check(decoded(WRONG, {1: -2e-5}), decoded(RIGHT, {1: 3e-5}), RIGHT)
    assert found.passed is False and found.again is not None
    again = found.again()
    assert again.passed is True and again.error == 0
    assert (
        again.note == "computed again in 64 bits: 1 attention-mask bit of prediction 1 with a logit within 3e-05 of 0"
    )
    assert line(again).endswith(again.note)


def test_what_passes_is_left_alone() -> None:
    assert check(decoded(RIGHT, {1: -2e-5}), decoded(RIGHT, {1: 3e-5}), RIGHT).again is None


@pytest.mark.parametrize("logit", [-2e-4, 1.0])
def test_no_bit_next_to_zero(logit: float) -> None:
    assert check(decoded(WRONG, {1: logit}), decoded(RIGHT, {1: 1.0}), RIGHT).again is None


@pytest.mark.parametrize("depth", [2])
def test_a_bit_that_does_not_lie_upstream(depth: int) -> None:
    """The last prediction steers nothing; nor can a wrong prediction of the bare queries come from any bit."""
    assert check(decoded(WRONG, {depth: -2e-5}), decoded(RIGHT, {depth: 3e-5}), RIGHT).again is None
    first = decoded([1.1, 2.0, 3.0], {0: -2e-5})
    assert check(first, decoded(RIGHT, {0: 3e-5}), RIGHT).again is None


def test_a_bit_that_did_not_flip_explains_nothing() -> None:
    found = check(decoded(WRONG, {1: 2e-5}), decoded(RIGHT, {1: 3e-5}), RIGHT)
    assert found.again is not None
    assert found.again().passed is False and found.again().note == ""


def test_a_bit_that_flipped_far_from_zero_is_a_fault() -> None:
    """One bit is next to zero and stays; another, before it, is not and flips."""
    found = check(decoded(WRONG, {0: -0.5, 1: 2e-5}), decoded(RIGHT, {0: 0.5, 1: 2e-5}), RIGHT)
    assert found.again is not None and found.again().passed is False


def test_what_fails_in_64_bits_too_has_failed() -> None:
    found = check(decoded(WRONG, {1: -2e-5}), decoded(WRONG, {1: 3e-5}), RIGHT)
    assert found.again is not None
    assert found.again().passed is False
    assert found.again().note.startswith("computed again in 64 bits")


def test_two_groups_of_a_run_at_most() -> None:
    report = Report()
    doubtful = check(decoded(WRONG, {1: -2e-5}), decoded(RIGHT, {1: 3e-5}), RIGHT)
    assert [report.add(doubtful).passed for _ in range(4)] == [True, True, False, False]
    assert report.failed
    assert report.summary() == "2 groups passed, 2 failed, 2 computed again in 64 bits"


def test_the_second_run_is_in_64_bits_and_made_once() -> None:
    model, runs = nn.Linear(1, 1), []

    def run(model: nn.Linear) -> Decoded[Output]:
        runs.append((model.weight.dtype, torch.zeros(1).dtype))
        return decoded(RIGHT, {})

    again = in_double(model, run)
    assert not runs
    assert again() is again()
    assert runs == [(torch.float64, torch.float64)]
    assert model.weight.dtype == torch.zeros(1).dtype == torch.float32
