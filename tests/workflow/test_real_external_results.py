"""What two published methods really found in eight videos, in Table 1 beside ours: numbers of an independent evaluator.

The data is not a part of the project: ../shared/real, or the folder that VITA_REAL_DATA names.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
import yaml
from tiny_run import vita
from written_records import training_record

from vita.core.config_base import dump
from vita.experiments.external import read_imports
from vita.experiments.run_table import RunTable

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("VITA_REAL_DATA", ROOT.parent / "shared" / "real"))
# TrackEval's TrackMAP with the area ranges of YouTube-VIS; means over classes, in points.
ORACLE = {"OSVOS": (38.3828, 40.5556), "RVOS": (50.2475, 56.1111)}

pytestmark = pytest.mark.skipif(not (REAL / "instances.json").exists(), reason=f"no real data in {REAL}")


@pytest.fixture
def tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tier of one's own on the real videos, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    split = {"annotations": "instances.json", "frames": "frames"}
    Path("datasets").mkdir()
    dataset = {"name": "real", "root": str(REAL), "train": split, "valid": split}
    Path("datasets/real.yaml").write_text(yaml.safe_dump(dataset))
    about = {"extends": "smoke", "tier": "own", "experiments": ["table1"], "seeds": [0]}
    datasets = {name: {"use": "real"} for name in ("ytvis_2019", "ovis", "coco")}
    Path("tier.yaml").write_text(yaml.safe_dump(about | {"datasets": datasets, "only": {"methods": ["vita"]}}))
    return tmp_path / "tier.yaml"


def take(file: Path, name: str, title: str, backbone: str) -> None:
    options = ["--name", name, "--title", title, "--backbone", backbone, "--dataset", "datasets/real.yaml"]
    ended = vita("import", file, *options)
    assert ended.code == 0, ended.errors


def scored(file: str, out: str, *options: str) -> None:
    assert vita("evaluate", "--gt", REAL / "instances.json", "--pred", file, "--out", out, *options).code == 0


def table1(tier: Path) -> dict[str, dict[str, str]]:
    """Table 1 as the workflow makes it, step by step; what VITA predicted are the tracks of RVOS here."""
    table = RunTable(tier, ROOT / "workflow" / "config", imports=read_imports())
    folders = []
    for external in table.externals():
        place = Path(external.directory)
        place.mkdir(parents=True)
        (place / "external.yaml").write_text(dump(external.config))
        tracks = f"{external.folder}/predictions/seed{external.config.seed}.json"
        scored(tracks, external.metrics, "--imported", external.config.record)
        folders += ["--external", external.directory]
    ((run, inference),) = table.evaluations("table1")
    place = Path(run.directory)
    place.mkdir(parents=True)
    (place / "record.json").write_text(json.dumps(training_record(run.config.model_dump(mode="json"))))
    (place / "inference.yaml").write_text(dump(run.prediction))
    scored(str(REAL / "rvos.json"), f"{run.directory}/metrics/{inference}.json")
    Path("spec.yaml").write_text(dump(table.specs["table1"]))
    assert vita("table", "runs", "--runs", run.directory, *folders, "--out", "runs.csv").code == 0
    assert vita("table", "build", "--spec", "spec.yaml", "--runs", "runs.csv", "--out", "table1.csv").code == 0
    with Path("table1.csv").open() as handle:
        return {row["method"]: row for row in csv.DictReader(handle) if row["source"] in ("ours", "external")}


def test_real_results_and_one_of_ours_under_another_name_stand_beside_vita(tier: Path) -> None:
    take(REAL / "osvos.json", "osvos", "OSVOS", "VGG-16")
    take(REAL / "rvos.json", "rvos", "RVOS", "ResNet-101")
    take(REAL / "rvos.json", "renamed", "VITA elsewhere", "ResNet-50")
    rows = table1(tier)
    assert [row["source"] for row in rows.values()] == ["ours", "external", "external", "external"]
    for title, (ap, recall) in ORACLE.items():
        assert float(rows[title]["AP"]) == pytest.approx(ap, abs=1e-3)
        assert float(rows[title]["AR10"]) == pytest.approx(recall, abs=1e-3)  # 10 tracks of a class find as much as 100
        assert float(rows[title]["AP_low"]) < ap < float(rows[title]["AP_high"])
    difference = ORACLE["OSVOS"][0] - ORACLE["RVOS"][0]
    assert float(rows["OSVOS"]["difference"]) == pytest.approx(difference, abs=1e-3)
    assert float(rows["OSVOS"]["difference_low"]) < difference < float(rows["OSVOS"]["difference_high"])
    for title in ("RVOS", "VITA elsewhere"):  # the same tracks on the same draws of the videos
        ends = [float(rows[title][name]) for name in ("difference", "difference_low", "difference_high")]
        assert ends == [0.0, 0.0, 0.0]
    text = Path("table1.md").read_text()
    assert "OSVOS, VGG-16: results/external/real/osvos/import.json. It is compared with VITA, ResNet-50." in text


def test_one_of_another_data_set_is_refused(tier: Path, videos: Path) -> None:
    """The same file for the embedded videos."""
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    Path("datasets/real.yaml").write_text(yaml.safe_dump({"name": "real", "root": str(videos), **splits}))
    options = ["--name", "osvos", "--title", "OSVOS", "--backbone", "VGG-16", "--dataset", "datasets/real.yaml"]
    message = vita("import", REAL / "osvos.json", *options).message
    assert "is it of another data set, or of another part of it?" in message
