"""The record of a finished run says everything that its numbers depend on."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import torch
from tiny_run import train_here

from vita.config import RunConfig
from vita.config_file import digest
from vita.engine import methods as methods_module
from vita.engine import record as record_module
from vita.engine.record import PACKAGES, Record, source_digest


def test_record_of_a_finished_run(config: RunConfig, finished: Path) -> None:
    record = json.loads((finished / "record.json").read_text())
    assert set(record) == {field.name for field in dataclasses.fields(Record)}
    assert record["task"] == "train" and record["status"] == "finished" and record["error"] is None
    assert record["config"] == config.model_dump(mode="json") and record["config_digest"] == digest(config)
    assert record["weights_sha256"] == hashlib.sha256((finished / "model.safetensors").read_bytes()).hexdigest()
    assert (record["seed"], record["threads"], record["processes"], record["iterations"]) == (0, 1, 1, 8)
    assert record["resumed_at"] == [] and record["started_from"] is None
    assert record["versions"] == {name: version(name) for name in PACKAGES}
    assert record["versions"]["torch"] == torch.__version__
    assert record["source_digest"] == source_digest()
    assert record["train_time_s"] > 0
    assert 10**8 < record["peak_host_memory_bytes"] < 10**11  # torch alone takes more than 100 MB
    assert datetime.fromisoformat(record["started_at"]) <= datetime.fromisoformat(record["ended_at"])


def test_record_of_starting_weights(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    start = finished / "model.safetensors"
    record = json.loads((train_here(config, tmp_path, start) / "record.json").read_text())
    sha256 = hashlib.sha256(start.read_bytes()).hexdigest()
    assert record["started_from"] == {"file": str(start), "sha256": sha256, "reinitialised": [], "absent_parts": []}
    assert record["weights_sha256"] != sha256


def test_source_digest_changes_with_content_and_names(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(record_module, "__file__", str(tmp_path / "engine" / "record.py"))
    seen = set()
    for name, content in (("a.py", "1"), ("a.py", "2"), ("sub/b.py", "2"), ("notes.txt", "2")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        seen.add(source_digest())
    assert len(seen) == 3  # the text file is no source
    assert source_digest(tmp_path / "engine") == source_digest()
    elsewhere = tmp_path.parent / "elsewhere"
    (elsewhere / "method").mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        (elsewhere / "method" / "model.py").write_text(f"version = {number}")
        own, _, methods = source_digest(elsewhere / "method").partition("+")
        assert own == source_digest()
        seen.add(methods)
    assert len(seen) == 5
    assert all(len(digits) == 12 and int(digits, 16) >= 0 for digits in seen)


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
