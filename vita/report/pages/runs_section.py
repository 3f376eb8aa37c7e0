"""All runs: an overview, and of each its scores, the course of its training, its record and its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from markupsafe import Markup

from vita.core.grouping import grouped
from vita.core.records import MetricsRecord, TrainingRecord
from vita.evaluation.main_scores import SCORES
from vita.report.pages.curves_section import HEIGHT, WIDTH, Drawing, draw_history
from vita.report.pages.html import Links, render, table
from vita.report.pages.places import run_place, run_words, training_place
from vita.report.pages.run_folder import RunFolder

MEBIBYTE = 2**20
OVERVIEW = ("run", "status", "weights", "iterations", "device", "training [min]", "prediction [s]", "AP of `intact`")


@dataclass(frozen=True)
class _Card:
    """One run as the template shows it. start: the run that its training started from, as words and anchor."""

    run: RunFolder
    place: str
    start: tuple[str, str] | None
    scores: Markup | str
    drawings: Sequence[Drawing]
    record: Sequence[tuple[str, str]]
    config: str


def runs_section(runs: Sequence[RunFolder]) -> Markup:
    """Raises UserError naming scores or a history that are damaged."""
    metrics = {run.words: run.metrics() for run in runs}
    rows = [_overview(run, metrics[run.words]) for run in runs]
    classes = ["" if run.state == "finished" else "failed" if run.error else "missing" for run in runs]
    places = {run.words: run_place(run.words) for run in runs}
    trainings = [
        (training_place(words), " ".join(words[1:]), [_card(run, metrics[run.words], places) for run in some])
        for words, some in grouped(runs, lambda run: (*run.words[:-1], "")).items()
    ]
    return render(
        "runs_section.html.j2",
        finished=sum(run.state == "finished" for run in runs),
        total=len(runs),
        overview=table(OVERVIEW, rows, classes),
        trainings=trainings,
        width=WIDTH,
        height=HEIGHT,
    )


def _overview(run: RunFolder, metrics: dict[str, MetricsRecord]) -> list[str | Links]:
    trained, predicted = run.trained, run.predicted
    ap = metrics["intact"].scores.get("ap") if "intact" in metrics else None
    return [
        Links([(run.title, f"#{run_place(run.words)}")]),
        run.state,
        trained.weights_from if trained else "",
        str(trained.iterations) if trained else "",
        trained.device if trained else "",
        f"{trained.train_time_s / 60:.1f}" if trained else "",
        f"{predicted.predict_time_s:.1f}" if predicted else "",
        "" if ap is None else f"{100 * ap:.1f}",
    ]


def _card(run: RunFolder, metrics: dict[str, MetricsRecord], places: dict[tuple[str, ...], str]) -> _Card:
    config = run.config()
    started = run_words(str(config.get("start_from") or ""))
    start = (" ".join(started[1:]), places[started]) if started in places else None
    scores = [
        [name, *(_points(found.scores.get(score.lower())) for score in SCORES)] for name, found in metrics.items()
    ]
    return _Card(
        run,
        places[run.words],
        start,
        table(("inference", *SCORES), scores) if scores else "",
        draw_history(run.folder),
        _record(run),
        yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
    )


def _record(run: RunFolder) -> list[tuple[str, str]]:
    """What is known of the run itself, as names and values; what there is not is left out."""
    found: list[tuple[str, Any]] = [("folder", run.folder.as_posix()), ("seed", run.names["seed"])]
    for record in filter(None, (run.trained, run.predicted)):
        what = "training" if isinstance(record, TrainingRecord) else "prediction"
        found += [(f"{what}: {name}", value) for name, value in _of_step(record)]
    return [(name, str(value)) for name, value in found if value not in ("", None)]


def _of_step(record: Any) -> list[tuple[str, Any]]:
    is_training = isinstance(record, TrainingRecord)
    if is_training:
        resumed = ", ".join(map(str, record.resumed_at))
        done, seconds = [("steps", f"{record.iterations:,}"), ("resumed at", resumed)], record.train_time_s
    else:
        done, seconds = [("frames", f"{record.frames:,}")], record.predict_time_s
    versions = {"python": record.python, **record.versions}
    peaks = (("host", record.peak_host_memory_bytes), ("device", record.peak_device_memory_bytes))
    return [
        *done,
        ("time", f"{seconds:,.1f} s"),
        ("begun", record.started_at),
        ("ended", record.ended_at),
        ("machine", f"{record.machine}; {record.device}; {record.processes} processes, {record.threads} threads"),
        *((f"peak memory, {where}", f"{size / MEBIBYTE:,.0f} MiB" if size else "") for where, size in peaks),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("source", record.source_digest),
        ("configuration", record.config_digest),
        ("labels", record.data_digest if is_training else ""),
        ("weights, SHA-256", record.weights_sha256),
    ]


def _points(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"
