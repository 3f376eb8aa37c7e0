"""The folder for a model hub: what hubs read is what the metrics file has, and each number can be followed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard
from table_scenes import HALF, Scenes, average_precision, row, spec
from tiny_run import Ended, content, files_in, vita
from written_records import training_record

SCORES = {"ap": 0.5049504950495, "ap50": 0.75, "ap75": 0.5, "ar1": 0.25, "ar10": None}


class Published:
    """A finished run by hand, in the place where the table's evidence says that it is."""

    def __init__(self, folder: Path) -> None:
        self.folder, scenes = folder, Scenes(folder)
        runs = [scenes.run("intact", seed, HALF) for seed in (0, 1)]
        scenes.build(spec(row({"ratio": 1.0})), runs)
        self.table, self.run, self.out = folder / "out.csv", Path(str(runs[0]["directory"])), folder / "published"
        self.weights(b"weights")
        self.metrics("intact", SCORES | {"ap": average_precision(HALF) / 100}, {"ap": [0.25, 0.75]})
        (self.run / "config.yaml").write_text(yaml.safe_dump(content(folder / "data")))

    def weights(self, written: bytes, **changes: Any) -> None:
        (self.run / "model.safetensors").write_bytes(written)
        record = training_record(content(self.folder / "data"), weights_sha256=hashlib.sha256(written).hexdigest())
        (self.run / "record.json").write_text(json.dumps(record | changes))

    def metrics(self, inference: str, scores: dict[str, Any], intervals: dict[str, list[float]]) -> None:
        path = self.run / "metrics" / f"{inference}.json"
        counts = json.loads((self.run / "metrics" / "intact.json").read_text())["counts"]
        found = {"scores": scores, "per_category": [], "num_videos": 10, "counts": counts}
        path.write_text(json.dumps(found | {"intervals": intervals, "draws": 1000}))

    def call(self, *options: object) -> Ended:
        return vita("publish", self.run, "--out", self.out, "--name", "A model | <b>", *options)

    def card(self) -> ModelCard:
        return ModelCard.load(self.out / "README.md")


@pytest.fixture
def run(tmp_path: Path) -> Published:
    return Published(tmp_path)


def test_hubs_read_the_scores_of_the_metrics_file(run: Published) -> None:
    """Fractions there, points here; a score without ground truth is left out."""
    assert run.call("--license", "apache-2.0").code == 0
    data = run.card().data
    assert (data.license, data.model_name, data.tags) == (
        "apache-2.0",
        "A model | <b>",
        ["video-instance-segmentation", "vita"],
    )
    assert isinstance(data.eval_results, list)
    found: dict[str, EvalResult] = {one.metric_type: one for one in data.eval_results}
    values = {name: one.metric_value for name, one in found.items()}
    assert values == {"ap": pytest.approx(average_precision(HALF), abs=1e-4), "ap50": 75.0, "ap75": 50.0, "ar1": 25.0}
    ap = found["ap"]
    assert (ap.task_type, ap.dataset_type, ap.dataset_split) == ("video-instance-segmentation", "shapes", "valid")
    assert ap.metric_args == {"interval_95": [25.0, 75.0], "draws": 1000} and ap.dataset_args == {"videos": 10}


def test_what_is_published_is_what_the_run_left(run: Published) -> None:
    assert "nothing was uploaded" in run.call("--table", run.table).out
    expected = ["README.md", "config.yaml", "metrics/intact.json", "model.safetensors", "record.json", "tables/out.csv"]
    assert files_in(run.out) == expected
    for name in expected[1:5]:
        assert (run.out / name).read_bytes() == (run.run / name).read_bytes()


def test_rows_of_tables_stand_there_with_their_evidence(run: Published) -> None:
    assert run.call("--table", run.table).code == 0
    text = run.card().text
    section = text.partition("## In out.csv")[2].partition("## Where")[0]
    points = f"{average_precision(HALF):.1f} ± 0.0 (2)"
    assert points in section and "| ours" in section
    for seed in (0, 1):
        assert f"`{run.run.parent.as_posix()}/seed{seed}/metrics/intact.json`" in section
    assert hashlib.sha256(run.table.read_bytes()).hexdigest() in section
    assert "one training" in text and hashlib.sha256(b"weights").hexdigest() in text


def test_a_benchmark_of_the_hub_has_its_file(run: Published) -> None:
    told = run.call("--benchmark", "them/ytvis", "--benchmark-task", "valid", "--source-url", "https://example.org")
    assert told.code == 0 and ".eval_results" not in told.out
    (entry,) = yaml.safe_load((run.out / ".eval_results" / "ytvis.yaml").read_text())
    assert entry["dataset"] == {"id": "them/ytvis", "task_id": "valid"}
    assert entry["value"] == pytest.approx(average_precision(HALF), abs=1e-4)
    assert (entry["date"], entry["source"]) == ("2026-01-02T04:05:06+00:00", {"url": "https://example.org"})
    assert "ground truth: valid; one training, seed 0" in entry["notes"]


def test_without_a_benchmark_none_is_made_up(run: Published) -> None:
    assert "no .eval_results/: it needs a benchmark" in run.call().out
    assert not (run.out / ".eval_results").exists()


def test_another_variant_is_published_when_asked(run: Published) -> None:
    run.metrics("half", SCORES | {"ap": 0.125}, {})
    assert run.call("--inference", "half").code == 0
    results = run.card().data.eval_results
    assert isinstance(results, list)
    assert {one.metric_type: one.metric_value for one in results}["ap"] == 12.5
    assert "| half" in run.card().text and "| intact" in run.card().text


def test_a_name_is_only_text(run: Published) -> None:
    assert run.call().code == 0
    assert "# A model \\| \\<b>" in run.card().text


def test_weights_of_others_say_whose_they_are(run: Published) -> None:
    origin = {"file": "model.pth", "sha256": "9" * 64, "holds": "video", "layout": "vita", "left_out": [], "fresh": []}
    run.weights(b"w", weights_from="file", origin=origin | {"converter_digest": "1" * 12}, iterations=0)
    assert run.call().code == 0
    text = run.card().text
    assert "| file; SHA-256" in text and f"model.pth, SHA-256 {'9' * 64}" in text and "iterations, seed" not in text


def other_table(run: Published) -> Path:
    path = run.folder / "other.csv"
    path.write_text(run.table.read_text().replace("seed0", "seed8").replace("seed1", "seed9"))
    return path


def test_what_cannot_be_published_is_told(run: Published) -> None:
    assert "no row whose evidence is of" in run.call("--table", other_table(run)).message
    assert "--inference zero: no scores of it" in run.call("--inference", "zero").message
    assert "is OWNER/NAME" in run.call("--benchmark", "../x").message
    (run.run / "model.safetensors").write_bytes(b"others")
    assert "its SHA-256 differs" in run.call().message
    (run.run / "model.safetensors").unlink()
    assert "no such file; what is published is a finished run's folder" in run.call().message
    assert not run.out.exists() and not [path for path in run.folder.iterdir() if path.name.startswith(".")]


def test_what_is_there_is_not_overwritten(run: Published) -> None:
    assert run.call().code == 0
    assert "is there already" in run.call().message
