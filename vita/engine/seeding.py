"""Everything random follows from one seed, and can be put back exactly where it was."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int, threads: int) -> None:
    """Seed all generators; fix the thread count, which changes the last bits of sums."""
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed)  # for libraries; our own code passes generators
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """States of this process's torch generators, loadable with `weights_only`."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()  # of this process's device; asking others would occupy them
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Undo whatever was drawn since `random_state`."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
