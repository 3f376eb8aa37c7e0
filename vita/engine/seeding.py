"""Everything random follows from one seed."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(seed: int, threads: int) -> None:
    """Seed all generators; fix the thread count, which changes the last bits of sums."""
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed)  # for libraries; our own code passes generators
    torch.manual_seed(seed)
