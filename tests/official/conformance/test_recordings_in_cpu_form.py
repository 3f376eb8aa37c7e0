"""The form in which models train on a CPU, held against the compact recordings: losses, gradients and steps too."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from vita.blocks.cpu_form import adopt_cpu_form
from vita.blocks.sampling_kernel import sample_around
from vita.official.conformance.method import RecordedMethod
from vita.official.conformance.run import Report, run

GOLDEN = Path(__file__).parents[2] / "golden"


def test_everything_that_is_recorded_passes_in_that_form() -> None:
    recorded, sampled = RecordedMethod._recorded, []

    def adopted(self: Any, *arguments: Any) -> nn.Module:
        model: nn.Module = recorded(self, *arguments)
        adopt_cpu_form(model, torch.device("cpu"))
        return model

    def counted(*given: Any) -> torch.Tensor:
        sampled.append(given)
        return sample_around(*given)

    report = Report()
    with (
        patch.object(RecordedMethod, "_recorded", adopted),
        patch("vita.blocks.cpu_form.sample_around", counted),
    ):
        run(GOLDEN, full_size=False, report=report, show=lambda line: None)
    assert sampled  # by the kernel
    assert report.checks and [check.group for check in report.checks if check.passed is not True] == []
