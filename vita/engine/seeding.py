"""Everything random follows from one seed."""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_everything(seed: int, threads: int) -> None:
    """Seed all generators; fix the thread count, which changes the last bits of sums."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS sums in no fixed order
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(
        "warn"
    )  # as use_deterministic_algorithms, which also loads the compiler: seconds
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # finds bugs of libraries, at a tenth of the time
    random.seed(seed)
    np.random.seed(seed)  # for libraries; our own code passes generators
    torch.manual_seed(seed)
