"""The benchmark of training steps: a checkout is measured with its own methods, and the first steps do not count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # where the program finds its parts

from training_step import tell_entry_points
from training_step_child import StepClock


def test_the_methods_of_a_checkout_are_found_whatever_is_installed(tmp_path: Path) -> None:
    checkout = tmp_path / "other"
    checkout.mkdir()
    project = '[project]\nname = "vita-bench"\n[project.entry-points."vita.methods"]\nvita = "vita.elsewhere:method"\n'
    (checkout / "pyproject.toml").write_text(project)
    found = "from importlib.metadata import entry_points as e; print(*[o.value for o in e(group='vita.methods')])"
    environment = {**os.environ, "PYTHONPATH": tell_entry_points(checkout, tmp_path / "told")}
    done = subprocess.run(
        [sys.executable, "-c", found], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    assert done.stdout.split() == ["vita.elsewhere:method"]


def test_the_first_steps_and_the_counted_one_are_left_out() -> None:
    clock = StepClock(iterations=5)
    clock.ended = [(1.0, 10.0), (3.0, 14.0), (4.0, 16.0), (6.0, 19.0), (16.0, 49.0)]  # ends of steps 1 to 5
    assert clock.steps(warmup=2) == [pytest.approx((1.0, 2.0)), pytest.approx((2.0, 3.0))]
