"""One schema a kind of record: what is written is read as it was; what is not one is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from written_records import metrics_record, prediction_record, training_record

from vita.core.contract import UserError
from vita.core.probe_record import ProbeRecord, read_probe_records, write_probe_records
from vita.core.records import (
    MetricsRecord,
    PredictionRecord,
    Record,
    TrainingRecord,
    read_record,
    read_record_if_there,
    write_record,
)

PROBE: dict[str, Any] = {
    "key": {"method": "VITA"},
    "case": {"method": "vita"},
    "budget_bytes": 2**30,
    "weights_bytes": 2**20,
    "predicted_frames": 9,
    "predicted_frames_low": 8,
    "predicted_peak": {"peak_bytes": 2**30, "operation": "softmax"},
    "curve": [[1, 2], [9, 2**30]],
    "status": "failed",
    "source_digest": "aaa",
    "versions": {},
    "machine": "a machine",
    "error": "10 frames: hung",
    "measured_frames": None,
}


def contents() -> list[tuple[type[Record], dict[str, Any]]]:
    starts = {"file": "w", "sha256": "e" * 64, "reinitialised": [], "absent_parts": ["object_encoder"]}
    starts["left_out_parts"] = ["mask_embedding"]
    trained = training_record({"seed": 3}, resumed_at=[4, 8], weights_from="file", started_from=starts)
    scores = metrics_record({"ap": 0.1 + 0.2, "ar1": None}, {"video_ids": [1], "category_ids": [], "groups": []})
    return [
        (TrainingRecord, trained),
        (PredictionRecord, prediction_record({"variants": {"intact": {}}})),
        (MetricsRecord, scores),
        (MetricsRecord, scores | {"draws": 10, "seed": 1, "intervals": {"ap": [0.1, 0.2]}}),
        (ProbeRecord, PROBE),
    ]


@pytest.mark.parametrize(("kind", "content"), contents())
def test_written_and_read_again(tmp_path: Path, kind: type[Record], content: dict[str, Any]) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    record = read_record(kind, path)
    write_record(tmp_path / "again.json", record)
    again = json.loads((tmp_path / "again.json").read_text())
    assert (again.pop("content_sha256", None) is not None) == (kind is MetricsRecord)  # which an earlier version lacks
    assert again == content
    assert read_record(kind, tmp_path / "again.json") == record


@pytest.mark.parametrize(("kind", "content"), contents())
def test_a_key_that_is_missing_is_named_and_one_of_a_later_version_is_passed_over(
    tmp_path: Path, kind: type[Record], content: dict[str, Any]
) -> None:
    path = tmp_path / "record.json"
    needed = [name for name, field in kind.model_fields.items() if field.is_required()]
    assert needed
    for name in needed:
        path.write_text(json.dumps({key: value for key, value in content.items() if key != name}))
        with pytest.raises(UserError, match=f"record.json: key '{name}' is missing; delete the file and run the"):
            read_record(kind, path)
    path.write_text(json.dumps(content | {"colour": 1}))
    assert json.loads(json.dumps(read_record(kind, path).to_json())) == content


def test_a_record_that_says_nothing_of_its_weights_is_of_a_training_here(tmp_path: Path) -> None:
    """As versions wrote it that knew no other weights."""
    content = training_record({})
    del content["weights_from"]
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content | {"predict_time_s": 0.0, "frames": 0}))
    assert read_record(TrainingRecord, path).weights_from == "trained"


@pytest.mark.parametrize(
    ("key", "value"), [("weights_from", "nowhere"), ("status", "done"), ("iterations", "many"), ("task", "predict")]
)
def test_a_value_of_another_kind_is_named(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(training_record({}) | {key: value}))
    with pytest.raises(UserError, match=rf"record.json: key '{key}': .*\(found '{value}'\); delete the file"):
        read_record(TrainingRecord, path)


@pytest.mark.parametrize("change", [("scores", "ap", 0.999), ("counts", "video_ids", [1]), ("hota", "HOTA", 1.0)])
def test_scores_that_were_edited_by_hand(change: tuple[str, str, Any], tmp_path: Path) -> None:
    key, inner, value = change
    path = tmp_path / "metrics.json"
    write_record(path, MetricsRecord.model_validate(metrics_record({"ap": 0.5})))
    assert read_record(MetricsRecord, path).scores == {"ap": 0.5}
    content = json.loads(path.read_text())
    content.setdefault(key, {})[inner] = value
    path.write_text(json.dumps(content))
    message = f"^{path}: changed since it was written, by hand or by a damaged disk; delete the file"
    with pytest.raises(UserError, match=message):
        read_record(MetricsRecord, path)


def test_no_file_and_no_record(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    assert read_record_if_there(TrainingRecord, path) is None
    with pytest.raises(UserError, match="no such file"):
        read_record(TrainingRecord, path)
    path.write_text("[]")
    with pytest.raises(UserError, match="expected a mapping of keys, found list"):
        read_record_if_there(TrainingRecord, path)


def test_probes_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "probe.json"
    path.write_text(json.dumps([PROBE, PROBE | {"status": "predicted", "predicted_frames": 7}]))
    records = read_probe_records(path)
    assert [record.predicted_frames for record in records] == [9, 7]
    write_probe_records(tmp_path / "again.json", records)
    assert read_probe_records(tmp_path / "again.json") == records
    path.write_text("{}")
    with pytest.raises(UserError, match=r"probe.json: not a list of records; name a file that `vita probe` wrote"):
        read_probe_records(path)
    path.write_text(json.dumps([PROBE, {}]))
    with pytest.raises(UserError, match=r"probe.json: record 1: key 'key' is missing"):
        read_probe_records(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 5000])
def test_a_damaged_record_says_that_it_may_be_deleted(tmp_path, content):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^{path}: not valid JSON: .*; delete the file and run the command again"):
        read_record(TrainingRecord, path)
    path.unlink()
    with pytest.raises(UserError, match=rf"^{path}: no such file$"):
        read_record(TrainingRecord, path)
