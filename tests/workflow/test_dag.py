"""The whole DAG with the real command, on a tier smaller than smoke."""

import csv
import json
import random

import pytest
from following import follow

from vita.evaluation.main_scores import SCORES

SEEDS = [f"results/runs/nano/nano_shapes/vita/tiny/base/seed{seed}" for seed in (0, 1)]


@pytest.mark.dag
def test_from_nothing_to_the_tables_and_nothing_the_second_time(cold_folder):
    folder = cold_folder
    ended = folder.run()
    assert ended.returncode == 0, ended.stdout + ended.stderr

    with (folder.path / "results/table6.csv").open() as handle:
        table = list(csv.DictReader(handle))
    assert [row["ratio"] for row in table] == ["1.0", "0.75", "0.5", "0.25"]
    assert {(row["n_seeds"], row["tier"], row["dataset"], row["comparable"]) for row in table} == {
        ("2", "nano", "nano_shapes", "False")
    }
    assert [row["paper_AP"] for row in table] == ["49.8", "49.7", "48.9", "48.1"]

    with (folder.path / "results/controls.csv").open() as handle:
        assert [row["control"] for row in csv.DictReader(handle)] == ["intact", "zero", "first_frame", "one_token"]
    for name in ("table6", "controls"):
        assert "NOT comparable" in (folder.path / "results/table6.md").read_text()
        assert (folder.path / f"results/{name}.tex").exists()

    for line in table:
        for score in SCORES:
            follow(line, score, folder.path)
    check_rows(folder)
    check_evidence(folder, random.choice(table))
    assert folder.jobs() == {}
    again = folder.run("results/table6.csv")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def check_rows(folder):
    """Every score of all_runs.csv is that of its metrics file, in points."""
    with (folder.path / "results/all_runs.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 2 * 7
    for row in rows:
        assert row["status"] == "finished"
        assert row["directory"] in SEEDS
        metrics = json.loads((folder.path / row["directory"] / "metrics" / f"{row['inference']}.json").read_text())
        assert float(row["AP"]) == pytest.approx(100 * metrics["scores"]["ap"], abs=1e-4)


def check_evidence(folder, row):
    """A row's number is the mean of the scores that it names, each beside a record that says what made it."""
    files = row["evidence"].split()
    assert len(files) == int(row["n_seeds"])
    column = random.choice(["AP", "AP50", "AP75", "AR1", "AR10"])
    scores = [100 * json.loads(folder.read(file))["scores"][column.lower()] for file in files]
    assert float(row[column]) == pytest.approx(sum(scores) / len(scores), abs=1e-3), (row, column)
    records = [json.loads((folder.path / file).parents[1].joinpath("record.json").read_text()) for file in files]
    assert [record["seed"] for record in records] == [record["config"]["seed"] for record in records]
    assert len({record["seed"] for record in records}) == len(files)
    assert all(record["versions"]["torch"] and record["source_digest"] for record in records)


@pytest.mark.dag
def test_every_method_through_the_same_rules(folder):
    tier = str(folder.path / "tier" / "nano_methods.yaml")
    ended = folder.run(tier=tier)
    assert ended.returncode == 0, ended.stdout + ended.stderr

    with (folder.path / "results/all_runs.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    clips = [f"clips{length}_{matching}" for length in (36, 48) for matching in ("greedy", "hungarian")]
    methods = ("vita", "mask2former_vis", "ifc")
    beyond = [("minvis", "intact"), ("videomt", "intact")]  # the paper, in Table 1 alone
    assert sorted((row["method"], row["inference"]) for row in rows) == sorted(
        [*((method, inference) for method in methods for inference in ("intact", *clips)), *beyond]
    )
    assert {row["status"] for row in rows} == {"finished"}

    with (folder.path / "results/table1.csv").open() as handle:
        ours = {row["method"] for row in csv.DictReader(handle) if row["source"] == "ours"}
    assert ours == {"VITA", "Mask2Former-VIS", "IFC", "MinVIS", "VidEoMT"}
    start = json.loads(folder.read("results/runs/nano_methods/nano_shapes/minvis/tiny/base/seed0/record.json"))
    assert start["started_from"]["file"].endswith("/nano_shapes/vita/tiny/pretrain/seed0/model.safetensors")
    assert start["started_from"]["absent_parts"] == start["started_from"]["reinitialised"] == []
    with (folder.path / "results/table5.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == 3 * (4 + 1)
    assert folder.jobs(tier=tier) == {}


@pytest.mark.dag
def test_an_error_of_a_job_is_repeated_where_the_user_looks(folder):
    folder.change("methods/vita.yaml", "presets", "tiny", "colour", to="blue")
    ended = folder.run("results/table6.csv")
    assert ended.returncode != 0
    assert "train.log: error: options of method vita: unknown key 'colour'; allowed here:" in ended.stderr
