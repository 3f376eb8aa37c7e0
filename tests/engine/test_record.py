"""The record of a finished run says everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import importlib
import json
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import torch
from tiny_run import train_here

from vita.core import plugins as methods_module
from vita.core.config_base import digest
from vita.core.records import TrainingRecord
from vita.core.run_config import RunConfig
from vita.engine import record as record_module
from vita.engine.record import PACKAGES, source_digest


def test_record_of_a_finished_run(config: RunConfig, finished: Path) -> None:
    record = json.loads((finished / "record.json").read_text())
    assert list(record) == list(TrainingRecord.model_fields)
    assert record["task"] == "train" and record["status"] == "finished" and record["error"] is None
    assert record["config"] == config.model_dump(mode="json") and record["config_digest"] == digest(config)
    assert record["weights_sha256"] == hashlib.sha256((finished / "model.safetensors").read_bytes()).hexdigest()
    assert (record["seed"], record["threads"], record["processes"], record["iterations"]) == (0, 1, 1, 8)
    assert record["device_settings"] == {
        "deterministic": True, "tf32": False, "cudnn_benchmark": False, "channels_last": False
    }  # fmt: skip
    assert record["resumed_at"] == [] and record["started_from"] is None
    assert record["weights_from"] == "trained"
    assert record["versions"] == {name: version(name) for name in PACKAGES}
    assert record["versions"]["torch"] == torch.__version__
    assert record["source_digest"] == source_digest(methods_module.method_package("vita"))
    assert record["train_time_s"] > 0
    assert 10**8 < record["peak_host_memory_bytes"] < 10**11  # torch alone takes more than 100 MB
    assert datetime.fromisoformat(record["started_at"]) <= datetime.fromisoformat(record["ended_at"])


def test_record_of_starting_weights(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    start = finished / "model.safetensors"
    record = json.loads((train_here(config, tmp_path, start) / "record.json").read_text())
    sha256 = hashlib.sha256(start.read_bytes()).hexdigest()
    everything = {"reinitialised": [], "absent_parts": [], "left_out_parts": []}
    assert record["started_from"] == {"file": str(start), "sha256": sha256, **everything}
    assert record["weights_sha256"] != sha256


def test_source_digest_is_of_what_runs_pass_through_and_of_the_method(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(record_module, "__file__", str(tmp_path / "vita" / "engine" / "record.py"))
    method = tmp_path / "method"
    method.mkdir()

    def parts_after(place: str, content: str) -> tuple[str, str]:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        shared, _, own = source_digest(method).partition("+")
        assert all(len(digits) == 12 and int(digits, 16) >= 0 for digits in (shared, own))
        return shared, own

    first, alone = parts_after("vita/core/a.py", "1")
    changed = [
        parts_after(place, content)
        for place, content in (
            ("vita/core/a.py", "2"),
            ("vita/data/sub/a.py", "2"),
            *((f"vita/{room}/a.py", "1") for room in ("evaluation", "blocks", "engine")),
        )
    ]
    assert len({first, *(shared for shared, _ in changed)}) == 6
    assert {own for _, own in changed} == {alone}
    # Neither a text file, nor what only reports, parses a command line or reads released files, nor another method.
    for place in ("vita/core/notes.txt", "vita/report/a.py", "vita/cli/a.py", "vita/official/a.py", "vita/model/a.py"):
        assert parts_after(place, "1") == changed[-1]
    of_method = [parts_after("method/network.py", f"version = {number}") for number in (1, 2)]
    assert {shared for shared, _ in of_method} == {changed[-1][0]}
    assert len({alone, *(own for _, own in of_method)}) == 3


def test_a_method_that_is_one_module_is_its_file_not_all_that_lies_beside(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "lonely_method.py").write_text("class Definition: pass\ndefinition = Definition()\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = importlib.import_module("lonely_method").definition
    monkeypatch.setattr(methods_module, "find_method", lambda name: found)
    path = methods_module.method_package("lonely")
    assert path == tmp_path / "lonely_method.py"
    before = source_digest(path)
    (tmp_path / "other.py").write_text("x = 1\n")
    assert source_digest(path) == before
    path.write_text("class Definition: x = 1\n")
    assert source_digest(path) != before
