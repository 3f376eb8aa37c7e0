"""Results of other code in Table 1: from a number to the file that was given, and gone with the import's folder."""

import csv
import hashlib
import json
import shutil
import subprocess
import sys

import pytest
import yaml

RUNS = "results/runs/mine/nano_shapes"
PLACE = "results/external/nano_shapes"


def imported(folder, *words, said="the tables of the next call"):
    """`vita import` in the folder, as a user calls it."""
    command = [sys.executable, "-m", "vita", "import", *map(str, words)]
    ended = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, check=False)
    assert said in ended.stdout + ended.stderr


def write_tier(folder, **changes):
    """Table 1 with VITA alone."""
    tier = folder.path / "tier" / "mine.yaml"
    content = {"extends": "nano", "tier": "mine", "experiments": ["table1"], "seeds": [0]}
    tier.write_text(yaml.safe_dump(content | changes))
    return str(tier)


def table1(folder):
    with (folder.path / "results" / "table1.csv").open() as handle:
        return {row["method"]: row for row in csv.DictReader(handle) if row["source"] in ("ours", "external")}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def right_results(folder):
    """The labels themselves, as results: every object is found."""
    labels = json.loads(folder.read("results/data/nano_shapes/valid/instances.json"))
    keys = ("video_id", "category_id", "segmentations")
    path = folder.path / "right.json"
    path.write_text(json.dumps([{key: one[key] for key in keys} | {"score": 0.5} for one in labels["annotations"]]))
    return path


@pytest.mark.dag
def test_two_external_results_in_table_1_of_a_tier(folder):
    """What VITA predicted under another name, in two seeds, and results without a fault; the real commands."""
    tier = write_tier(folder)
    folder.succeed("results/table1.csv", tier=tier)
    before = folder.read("results/table1.csv")
    dataset = ["--dataset", folder.path / "tier" / "datasets" / "nano_shapes.yaml"]
    ours = folder.path / RUNS / "vita/tiny/base/seed0/predictions/intact.json"
    other = ["--name", "other", "--title", "Other name", "--backbone", "r50", "--commit", "abc123", "--allow-empty"]
    imported(folder, ours, ours, *dataset, *other)
    right = right_results(folder)
    imported(folder, right, *dataset, "--name", "right", "--title", "Right", "--backbone", "ViT-L")

    jobs = folder.jobs("results/table1.csv", tier=tier)
    assert jobs == {"evaluate_external": 3, "external_config": 3, "table": 1, "table_runs": 1, "table_spec": 1}
    folder.succeed("results/table1.csv", tier=tier)
    rows = table1(folder)
    assert {name: row["source"] for name, row in rows.items()} == {
        "VITA": "ours",
        "Other name": "external",
        "Right": "external",
    }
    scores = ("AP", "AP50", "AP75", "AR1", "AR10", "AP_low", "AP_high")
    assert [rows["Other name"][score] for score in scores] == [rows["VITA"][score] for score in scores]
    assert (rows["Other name"]["n_seeds"], float(rows["Other name"]["difference"])) == ("2", 0.0)
    assert float(rows["Right"]["AP"]) == pytest.approx(100)
    assert float(rows["Right"]["difference"]) == pytest.approx(100 - float(rows["VITA"]["AP"]), abs=1e-3)
    assert rows["Right"]["backbone"] == "ViT-L"

    # From a cell to the file that was given: evidence, record of the import, SHA-256.
    for name, file, seeds in (("Other name", ours, 2), ("Right", right, 1)):
        evidence = [folder.path / path for path in rows[name]["evidence"].split()]
        assert len(evidence) == seeds
        points = [100 * json.loads(path.read_text())["scores"]["ap"] for path in evidence]
        assert sum(points) / seeds == pytest.approx(float(rows[name]["AP"]), abs=1e-3)
        for seed, path in enumerate(evidence):
            config = yaml.safe_load((path.parents[1] / "external.yaml").read_text())
            record = json.loads(folder.read(config["record"]))
            assert (config["seed"], record["weights_from"], record["origin"]["title"]) == (seed, "external", name)
            assert record["files"][seed]["sha256"] == sha256(file)
            stored = (folder.path / config["record"]).parent / f"predictions/seed{seed}.json"
            assert record["files"][seed]["stored_sha256"] == sha256(stored)
    assert not list((folder.path / PLACE).rglob("record.json"))  # no record of a training

    assert folder.jobs("results/table1.csv", tier=tier) == {}
    for name in ("other", "right"):
        shutil.rmtree(folder.path / PLACE / name)
    folder.succeed("results/table1.csv", tier=tier)
    assert folder.read("results/table1.csv") == before


def write_import(folder, **changes):
    """An import without a fault, as its record says; nothing reads its tracks here."""
    place = folder.path / PLACE / "theirs"
    (place / "predictions").mkdir(parents=True)
    (place / "predictions" / "seed5.json").write_text("[]")
    file = {"seed": 5, "file": "results.json", "sha256": "", "tracks": 1, "empty_videos": [], "left_out": {}}
    record = {
        "origin": {"name": "theirs", "title": "Theirs", "backbone": "ResNet-50"},
        "dataset": "nano_shapes",
        "validate_on": "valid",
        "ground_truth": "valid",
        "videos": {},
        "categories": {},
        "categories_by": "ids",
        "video_id_shift": 0,
        "files": [file | {"stored_sha256": ""}],
        "imported_at": "2026-01-02",
        "version": "0",
    }
    (place / "import.json").write_text(json.dumps(record | changes))


def test_it_is_scored_as_the_tier_scores_and_shown_everywhere(fake_folder):
    write_import(fake_folder)
    tier = write_tier(fake_folder, datasets={"ytvis_2019": {"limit_videos": 2}})
    fake_folder.succeed(tier=tier)
    (call,) = [call for call in fake_folder.calls("evaluate") if "--imported" in call]
    place = f"{PLACE}/theirs/scores/mine/seed5"
    assert f"--pred {PLACE}/theirs/predictions/seed5.json --imported {PLACE}/theirs/import.json" in call
    assert f"--out {place}/metrics/intact.json --limit-videos 2" in call
    assert all(f"--external {place}" in call for call in fake_folder.calls("table runs"))
    assert fake_folder.jobs(tier=tier) == {}


def test_one_that_cannot_be_scored_stops_no_other_and_stands_as_failed(fake_folder):
    write_import(fake_folder)
    tier = write_tier(fake_folder)
    (fake_folder.path / "broken").write_text("evaluate seed5.json\n")
    ended = fake_folder.run("--keep-going", "results/table1.csv", tier=tier)
    assert ended.returncode != 0
    assert "seed5.json is broken" in ended.stderr
    (fake_folder.path / "broken").unlink()
    shown = fake_folder.jobs("results/table1.csv", tier=tier, failed="show")
    assert "table" in shown and "evaluate_external" not in shown
    assert fake_folder.jobs("results/table1.csv", tier=tier)["evaluate_external"] == 1  # it is tried again


def test_a_damaged_import_is_told_in_the_dry_run(fake_folder):
    write_import(fake_folder, origin={"name": "theirs", "title": "VITA", "backbone": "ResNet-50"})
    assert "import results/external/nano_shapes/theirs/import.json again under another --title" in fake_folder.said(
        "-n", tier=write_tier(fake_folder)
    )
    (fake_folder.path / PLACE / "theirs" / "import.json").write_text("{}")
    assert "import.json: key 'origin' is missing" in fake_folder.said("-n", tier=write_tier(fake_folder))
