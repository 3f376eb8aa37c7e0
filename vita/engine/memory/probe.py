"""How many frames fit under a budget: predicted, and measured by trials around the prediction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vita.core.config_base import Frozen, digest, parse
from vita.core.plugins import method_package
from vita.core.probe_record import ProbeRecord
from vita.core.progress import say
from vita.engine.memory.budget import Budget
from vita.engine.memory.case import Case
from vita.engine.memory.gpu import allocator_settings, check_idle, nvml_reader
from vita.engine.memory.predicted_peak import Predictor
from vita.engine.memory.search import Edge, find_edge
from vita.engine.memory.tracker import cpu_scratch, no_scratch
from vita.engine.memory.trial import ANSWERS, UNSETTLED, Trial, TrialRequest, run_trial
from vita.engine.record import machine_name, package_versions, source_digest


class Search(Frozen):
    """How a measurement is made. precision: to which share of the answer. minutes: after which no trial begins."""

    precision: float = 0.01
    minutes: float = 10.0
    trial_timeout_s: float = 300.0
    at_most: int = 100_000
    threads: int = 1


# What a card holds beside the video and cannot give to it: a context (0.3 to 0.6 GiB), workspaces of libraries, pieces
# between blocks. Nobody can tell it from shapes, so that a prediction is a range.
RESERVE_BYTES = 2 * 2**30


class TrialError(Exception):
    """A trial that gave no answer, or time that ran out: the measurement ends without a number."""


class Prober:
    """Measures one case under one budget; trials that a killed probe finished are not run again."""

    def __init__(
        self, case: Case, budget: Budget, search: Search, trials: Path, trial: Callable[..., Trial] = run_trial
    ) -> None:
        self._case, self._budget, self._search, self._trial = case, budget, search, trial
        self._file = trials
        self._began = time.monotonic()
        self.trials = _finished(trials, self._asked(1))

    def _asked(self, frames: int) -> TrialRequest:
        return TrialRequest(
            case=self._case,
            budget_kind=self._budget.kind,
            budget_bytes=self._budget.bytes,
            frames=frames,
            threads=self._search.threads,
        )

    def fits(self, frames: int) -> bool:
        """Raises TrialError when the trial gives no answer, or when there is no time for it."""
        known = next((trial for trial in self.trials if trial.frames == frames), None)
        trial = known or self._run(frames)
        if trial.outcome not in ANSWERS:
            raise TrialError(f"{frames} frames: {trial.outcome}: {trial.message}")
        return trial.outcome == "fits"

    def _run(self, frames: int) -> Trial:
        if time.monotonic() - self._began > 60 * self._search.minutes:
            raise TrialError(f"no time left for {frames} frames: {self._search.minutes:g} minutes are over")
        trial = self._settled(self._trial(self._asked(frames), self._search.trial_timeout_s))
        peak = f", peak {trial.peak_bytes / 2**20:.0f} MiB" if trial.peak_bytes else ""
        say(f"trial {len(self.trials) + 1}: {frames} frames: {trial.outcome}{peak} ({trial.seconds:.1f} s)")
        if trial.outcome in ANSWERS:  # what was no answer is asked again
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps({"asked": digest(self._asked(1)), **trial.model_dump(mode="json")}) + "\n")
        self.trials.append(trial)
        return trial

    def _settled(self, trial: Trial) -> Trial:
        """A trial that cuDNN ended without an engine, settled by others with half as many frames, and half of these.

        Where a smaller video is computed, or runs out of memory in plain words, there are engines: memory was missing.
        Where not even the smallest is, there are none, which says nothing about memory.
        """
        frames = trial.frames // 2
        while trial.outcome == UNSETTLED and frames:
            second = self._trial(self._asked(frames), self._search.trial_timeout_s)
            if second.outcome in ANSWERS:
                message = f"{trial.message} (memory was missing: with {frames} frames, {second.outcome})"
                return trial.model_copy(update={"outcome": "out of memory", "message": message})
            if second.outcome != UNSETTLED:
                break
            frames //= 2
        return trial


def _finished(file: Path, asked: TrialRequest) -> list[Trial]:
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        content = json.loads(line) if line.endswith("\n") else {}  # a killed probe may have cut the last one off
        if content.pop("asked", None) == digest(asked):
            found.append(parse(Trial, content, str(file)))
    return found


def probe(
    case: Case, budget: Budget, search: Search | None, trials: Path, key: Mapping[str, str] | None = None
) -> ProbeRecord:
    """Predict, measure where there is a `search`, and give the record; `key` names it in tables.

    trials: the file of finished trials, which many cases may share.  A measurement that ends without a number is a
    record with the status "failed" and the error. Raises UserError on a bad case, and on a card that others use.
    """
    predictor = Predictor(case, cpu_scratch if budget.kind == "cpu" else no_scratch)
    room = budget.bytes or _free_bytes()
    low, predicted = predicted_range(predictor, budget, room)
    found: dict[str, Any] = {"status": "predicted"}
    if search is not None:
        found = measure(case, budget, search, max(predicted, 1), trials)
        if frames := found["measured_frames"]:
            found["predicted_peak_at_measured"] = asdict(predictor.peak(frames))
    return ProbeRecord(
        key=dict(key or {}),
        case=case.model_dump(mode="json"),
        budget_bytes=room,
        weights_bytes=predictor.weights_bytes,
        predicted_frames=predicted,
        predicted_frames_low=low,
        predicted_peak=asdict(predictor.peak(max(predicted, 1))),
        curve=[(peak.frames, peak.peak_bytes) for peak in predictor.known if peak.frames <= max(predicted, 1)],
        source_digest=source_digest(method_package(case.method)),
        versions=package_versions(),
        machine=machine_name(),
        **found,
    )


def _free_bytes() -> int:
    with nvml_reader() as read:
        return read().free_bytes


def predicted_range(predictor: Predictor, budget: Budget, room: int) -> tuple[int, int]:
    """Frames that fit into `room` bytes beside RESERVE_BYTES, and with all of it for weights and video.

    Both are the same on a CPU, where trials begin with everything but the video in memory.
    """
    if budget.kind == "cpu":
        most = predictor.most_frames(room)
        return most, most
    room -= predictor.weights_bytes
    return predictor.most_frames(room - RESERVE_BYTES), predictor.most_frames(room)


def measure(case: Case, budget: Budget, search: Search, guess: int, trials: Path) -> dict[str, Any]:
    """Run trials around a guess, and return what they found as part of a record."""
    with ExitStack() as stack:
        reader = stack.enter_context(nvml_reader()) if budget.kind != "cpu" else None
        before = reader() if reader else None
        if before:
            check_idle(before, budget.bytes)
        prober = Prober(case, budget, search, trials)
        found = _search(prober, search, guess)
        after = reader() if reader else None
    return {
        "device": before.name if before else "cpu",
        "budget": budget.words(before.name if before else None),
        "card_before": asdict(before) if before else None,
        "card_after": asdict(after) if after else None,
        "allocator_settings": allocator_settings() if before else None,
        "search": search.model_dump(mode="json"),
        "trials": [trial.model_dump(mode="json") for trial in prober.trials],
        **found,
    }


def _search(prober: Prober, search: Search, guess: int) -> dict[str, Any]:
    edge = Edge()
    try:
        edge = find_edge(prober.fits, guess, search.precision, search.at_most)
    except TrialError as error:
        return {"status": "failed", "error": str(error), "measured_frames": None}
    if not edge.is_monotone:
        low, high = edge.band
        return {"status": "failed", "error": f"{low} frames did not fit, {high} did", "measured_frames": None}
    if edge.smallest_failing is None:
        return {"status": "finished", "measured_frames": None, "at_least_frames": edge.largest}
    return {"status": "finished", "measured_frames": edge.largest, "band": list(edge.band)}
