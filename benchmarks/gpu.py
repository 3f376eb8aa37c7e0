"""What ten minutes on a card decide: whether all of it computes there what it computes on a CPU, and how fast.

Run: python benchmarks/gpu.py [--help], or make gpu-check. On a CPU the same checks run small; what says something about
a card alone is then told as "not on a card". One line a figure; exit code 1 when one is not what is wanted.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from gpu_check import conformance, frames, predictions, probe, resume, steps
from gpu_check.report import Bench, Report, keep
from gpu_check.table import HEADER, row
from transformers.utils import logging

from vita.core.contract import UserError
from vita.core.plugins import installed_methods
from vita.engine.device_settings import find_device

RECORDINGS = Path(__file__).parents[1] / "tests" / "golden"
MODULES: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module for module in (conformance, predictions, steps, frames, resume, probe)
}
Part = StrEnum("Part", list(MODULES))
Device = StrEnum("Device", ["cuda", "cpu"])


def main(
    device: Annotated[Device, typer.Option(help="cuda is the first visible card.")] = Device.cuda,
    part: Annotated[list[Part] | None, typer.Option(help="At most eight minutes each; all if not given.")] = None,
    out: Annotated[Path, typer.Option(help="JSON; parts of the same machine are added.")] = Path("gpu_check.json"),
    recordings: Annotated[Path, typer.Option(help="Recorded outputs of the official implementations.")] = RECORDINGS,
) -> None:
    """Check a card, and print its row for the table of docs/machines.md."""
    logging.set_verbosity_error()
    if "vita" not in installed_methods():
        raise UserError("the project is not installed here: pip install --no-deps --no-build-isolation -e .")
    bench = Bench(find_device(device.value), recordings)
    missed = []
    for name in part or list(Part):
        report = Report(bench, name.value)
        report.run(MODULES[name.value].items(bench))
        content = keep(out, report)
        print(f"{'missed' if report.missed else 'ended'} {name.value} after {report.seconds} s, kept in {out}")
        missed += [name.value] if report.missed else []
    if bench.is_card:
        print(HEADER, row(content), sep="\n")
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
