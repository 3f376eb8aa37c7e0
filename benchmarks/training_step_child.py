"""Trains with the `vita` command of the checkout that PYTHONPATH names, and tells what its steps cost.

Run: python benchmarks/training_step_child.py CONFIG_YAML WARMUP, as `training_step.py` does. It knows of nothing but
the command and PyTorch's optimisers, so that it measures any commit: a step ends where an optimiser's does, and reading
its clips is a part of it. The last step is counted under PyTorch's profiler, not timed. Prints one line of JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.profiler import ProfilerActivity, profile


class StepClock:
    """Reads the clocks at the end of every step of an optimiser, and counts the operators of the last."""

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations
        self.ended: list[tuple[float, float]] = []  # processor time of this process, and the clock, in seconds
        self.profiler = profile(activities=[ProfilerActivity.CPU])
        self.operators = 0

    def __call__(self, *_: Any) -> None:
        """Called by PyTorch after a step."""
        self.ended.append((time.process_time(), time.perf_counter()))
        if len(self.ended) == self.iterations - 1:
            self.profiler.start()
        elif len(self.ended) == self.iterations:
            self.profiler.stop()
            seen = self.profiler.key_averages()
            self.operators = sum(event.count for event in seen if event.key.startswith("aten::"))

    def steps(self, warmup: int) -> list[tuple[float, float]]:
        """Seconds of each step after the first ones and without the last: of the processor, and on the clock."""
        timed = self.ended[warmup - 1 : -1]
        return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(timed)]


def main(config: str, warmup: str) -> None:
    """See the module."""
    clock = StepClock(yaml.safe_load(Path(config).read_text(encoding="utf-8"))["train"]["iterations"])
    register_optimizer_step_post_hook(clock)
    sys.argv = ["vita", "train", "--config", config]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_module("vita", run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                raise
    print(json.dumps({"steps": clock.steps(int(warmup)), "operators": clock.operators}))


if __name__ == "__main__":
    main(*sys.argv[1:])
