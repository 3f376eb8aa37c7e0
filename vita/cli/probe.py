"""The command that tells how many frames fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vita.cli.convert import quiet_libraries
from vita.cli.gpus import Gpus
from vita.cli.json_output import AsJson, print_json
from vita.core.contract import UserError
from vita.core.progress import say

if TYPE_CHECKING:
    from vita.core.probe_record import ProbeRecord
    from vita.engine.memory.budget import Budget
    from vita.engine.memory.case import Case
    from vita.engine.memory.probe import Search

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
    out: Annotated[
        Path | None, typer.Option(help="JSON file: a list of answers with their trials; a measurement resumes.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A cell that names the record in tables, as method=VITA; may be repeated.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="After which no trial begins.", min=0)] = 10.0,
    trial_timeout: Annotated[float, typer.Option(help="Seconds after which a trial hangs.", min=1)] = 300.0,
    precision: Annotated[float, typer.Option(help="Of the answer, as a share of it.", min=0, max=1)] = 0.01,
    threads: Annotated[int, typer.Option(help="Of a trial on a CPU.", min=1)] = 1,
    gpus: Gpus = None,
    as_json: AsJson = False,
) -> None:
    """Tell how many frames of a video fit into memory at once: predicted from shapes, and measured in trials."""
    measures = not predict and not frames
    if measures and out is None:
        raise UserError("--out: say which JSON file to write")
    if measures and device == "cuda":
        _check_driver()
    key = dict(_pair(text) for text in label or [])
    say("Loading PyTorch and the models ...")
    from vita.core.probe_record import write_probe_records
    from vita.engine.cards import own_cards
    from vita.engine.memory.budget import read_budget
    from vita.engine.memory.case import read_cases
    from vita.engine.memory.probe import Search

    quiet_libraries()
    cases = read_cases(case)
    if frames:
        _tell_peaks(cases, frames, as_json)
        return
    search = Search(minutes=minutes, trial_timeout_s=trial_timeout, precision=precision, threads=threads)
    asked = _Asked(read_budget(budget, device), search if measures else None, out, key)
    with own_cards(gpus):
        records = [_record(one, asked, shown=not as_json) for one in cases]
    if out is not None:
        write_probe_records(out, records)
    if as_json:
        print_json([record.to_json() for record in records])
    raise typer.Exit(int(any(record.status == "failed" for record in records)))


@dataclass(frozen=True)
class _Asked:
    """What is asked of every case; without a search it is predicted alone."""

    budget: Budget
    search: Search | None
    out: Path | None
    key: dict[str, str]


def _record(case: Case, asked: _Asked, shown: bool) -> ProbeRecord:
    from vita.core.files import check_writable
    from vita.engine.memory.probe import probe as run_probe

    if asked.out is not None:
        check_writable(asked.out)  # before minutes are spent
    say(f"{_named(case)}: predicting{', then measuring' if asked.search else ''} ...")
    trials = (asked.out or Path("predicted")).with_suffix(".trials.jsonl")
    record = run_probe(case, asked.budget, asked.search, trials, asked.key)
    if shown:
        typer.echo(f"{_named(case)}: {_summary(record)}")
    return record


def _check_driver() -> None:
    """Raises UserError where this machine has no driver, which a measurement would find out after its prediction."""
    from vita.engine.cards import driver_error

    if (error := driver_error()) is not None:
        raise UserError(f"no NVIDIA driver: {error}; probe on a CPU with --device cpu")


def _tell_peaks(cases: Sequence[Case], frames: Sequence[int], as_json: bool) -> None:
    from vita.engine.memory.predicted_peak import Predictor

    found = []
    for case in cases:
        say(f"{_named(case)}: predicting ...")
        predictor = Predictor(case)
        peaks = [predictor.peak(number) for number in frames]
        told = {"case": case.model_dump(mode="json"), "weights_bytes": predictor.weights_bytes}
        found.append(told | {"peaks": [asdict(peak) for peak in peaks]})
        if not as_json:
            typer.echo(f"{_named(case)}: weights {_mib(predictor.weights_bytes)}")
            for peak in peaks:
                told_peak = f"{_mib(peak.peak_bytes)} besides the weights, at {peak.operation}"
                typer.echo(f"{peak.frames} frames: {told_peak}")
    if as_json:
        print_json(found)


def _named(case: Case) -> str:
    variant = "".join(f" {name} {value}" for name, value in case.variant.items())
    return f"{case.method}{variant}, {case.height} x {case.width}, {case.attention}"


def _pair(text: str) -> tuple[str, str]:
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
