"""What is promised of every method, held against what runs inside a `with`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from vita.core.contract import UserError


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Neither the model's state nor the random generator is touched."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    yield
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


@contextmanager
def refused(parts: Sequence[str]) -> Iterator[None]:
    """A UserError of one line that holds all these parts."""
    with pytest.raises(UserError) as error:
        yield
    assert [part for part in parts if part not in str(error.value)] == []
    assert "\n" not in str(error.value)
