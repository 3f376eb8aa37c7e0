"""Training mode: every loss, match and gradient of three recorded batches, from the recorded random numbers."""

import pytest
from golden_recordings import (
    Step,
    check_gradients,
    check_layers,
    check_matches,
    check_similarity,
    check_total,
    recorded_norms,
    training_step,
)

from vita.model import Vita


@pytest.fixture(scope="module", params=["losses", "losses_one_empty_clip", "losses_all_empty"])
def step(built: Vita, request: pytest.FixtureRequest) -> Step:
    return training_step(built, request.param)


def test_total(step: Step) -> None:
    check_total(step)


def test_every_term_of_every_layer(step: Step) -> None:
    check_layers(step)


def test_similarity(step: Step) -> None:
    check_similarity(step)


def test_costs_and_matches(step: Step) -> None:
    check_matches(step)


def test_gradients(model: Vita) -> None:
    assert len(list(recorded_norms())) > 250
    training_step(model, "losses").losses.total.backward()
    check_gradients(model)
