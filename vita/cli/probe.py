"""The command that tells how many frames fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vita.cli.convert import quiet_libraries
from vita.cli.gpus import Gpus

if TYPE_CHECKING:
    from vita.core.probe_record import ProbeRecord
    from vita.engine.memory.case import Case

CaseFile = Annotated[Path, typer.Option("--case", help="YAML: method, options, variant, height, ...; or a list.")]


def probe(
    case: CaseFile,
    budget: Annotated[str, typer.Option(help="Memory that may be used: 12GiB, or card for all of a card.")] = "12GiB",
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="Where trials run; cuda is the first visible card.")
    ] = "cuda",
    predict: Annotated[bool, typer.Option("--predict", help="Predict from shapes alone; runs nothing.")] = False,
    frames: Annotated[
        list[int] | None, typer.Option(help="Only the peak of so many frames; may be repeated.", min=1)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON: a list of answers with their trials; resumes.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A cell that names the record in tables, as method=VITA; may be repeated.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="After which no trial begins.", min=0)] = 10.0,
    trial_timeout: Annotated[float, typer.Option(help="Seconds after which a trial hangs.", min=1)] = 300.0,
    precision: Annotated[float, typer.Option(help="Of the answer, as a share of it.", min=0, max=1)] = 0.01,
    threads: Annotated[int, typer.Option(help="Of a trial on a CPU.", min=1)] = 1,
    gpus: Gpus = None,
) -> None:
    """Tell how many frames of a video fit into memory at once: predicted from shapes, and measured in trials."""
    from vita.core.contract import UserError
    from vita.core.files import check_writable
    from vita.core.probe_record import write_probe_records
    from vita.engine.cards import own_cards
    from vita.engine.memory.budget import read_budget
    from vita.engine.memory.case import read_cases
    from vita.engine.memory.probe import Search
    from vita.engine.memory.probe import probe as run_probe

    quiet_libraries()
    cases = read_cases(case)
    if frames:
        _tell_peaks(cases, frames)
        return
    if out is None:
        raise UserError("--out: say which JSON file to write")
    search = Search(minutes=minutes, trial_timeout_s=trial_timeout, precision=precision, threads=threads)
    key = dict(_pair(text) for text in label or [])
    limit, trials, records = read_budget(budget, device), out.with_suffix(".trials.jsonl"), []
    check_writable(out)  # before minutes are spent
    with own_cards(gpus):
        for asked in cases:
            records.append(run_probe(asked, limit, None if predict else search, trials, key))
            typer.echo(f"{_named(asked)}: {_summary(records[-1])}")
    write_probe_records(out, records)
    raise typer.Exit(int(any(record.status == "failed" for record in records)))


def _tell_peaks(cases: Sequence[Case], frames: Sequence[int]) -> None:
    from vita.engine.memory.predicted_peak import Predictor

    for case in cases:
        predictor = Predictor(case)
        typer.echo(f"{_named(case)}: weights {_mib(predictor.weights_bytes)}")
        for number in frames:
            peak = predictor.peak(number)
            typer.echo(f"{number} frames: {_mib(peak.peak_bytes)} besides the weights, at {peak.operation}")


def _named(case: Case) -> str:
    variant = "".join(f" {name} {value}" for name, value in case.variant.items())
    return f"{case.method}{variant}, {case.height} x {case.width}, {case.attention}"


def _pair(text: str) -> tuple[str, str]:
    from vita.core.contract import UserError

    name, given, cell = text.partition("=")
    if not given:
        raise UserError(f"--label {text}: write name=cell, as method=VITA")
    return name, cell


def _summary(record: ProbeRecord) -> str:
    text = f"predicted {record.predicted_frames} frames"
    if record.status == "failed":
        return f"{text}; not measured: {record.error}"
    if record.status == "predicted":
        return text
    told = f"more than {record.at_least_frames}" if record.measured_frames is None else str(record.measured_frames)
    return f"{text}, measured {told} under {record.budget} ({len(record.trials)} trials)"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
