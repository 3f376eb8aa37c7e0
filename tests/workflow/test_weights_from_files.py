"""Weights of others through the real DAG: a finished model, an image model, and what is missing, wrong or damaged."""

import csv
import hashlib
import json
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from published_files import TORCHVISION, backbone_of, renamed
from safetensors.torch import load_file
from tiny_run import told_besides_progress

RUNS = "results/runs"
NANO = f"{RUNS}/nano/nano_shapes/vita/tiny"
MINE = f"{RUNS}/mine/nano_shapes/vita/tiny"


def vita(folder, *arguments):
    command = [str(folder.warm / "vita"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder.path, capture_output=True, text=True, check=True).stdout


def tier_of(folder, holds, variant, file="weights/theirs.pth", **changes):
    """A tier in which one training of VITA is a file of others."""
    entry = {"method": "vita", "variant": variant, "file": file, "holds": holds}
    about = {"published": "a model made for this test", "obtain": "nowhere"}
    tier = {"extends": "nano", "tier": "mine", "start": "theirs", "weights": {"theirs": [entry | about | changes]}}
    tier |= {"experiments": ["table3", "table5", "table6"], "datasets": {"ovis": {"use": "nano_shapes"}}}
    path = folder.path / "tier" / "mine.yaml"
    path.write_text(yaml.safe_dump(tier))
    return str(path)


def table(folder, name):
    with (folder.path / "results" / f"{name}.csv").open() as handle:
        return list(csv.DictReader(handle))


def assert_same_weights(found, expected):
    """To the last bit, but for the batches that a norm has counted, which official files do not hold."""
    found, expected = load_file(found), load_file(expected)
    assert found.keys() == expected.keys()
    differing = [name for name in found if not torch.equal(found[name], expected[name])]
    assert [name for name in differing if not name.endswith("num_batches_tracked")] == []


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory, warm):
    """Official files of a training's two steps, and the table of the trained weights themselves."""
    from conftest import HERE, Folder

    path = tmp_path_factory.mktemp("theirs")
    shutil.copytree(HERE / "datasets", path / "tier" / "datasets")
    shutil.copy(HERE / "nano.yaml", path / "tier")
    folder = Folder(path, warm=warm)
    folder.succeed("results/table6.csv", f"{NANO}/base/seed0/model.safetensors")
    (path / "weights").mkdir()
    for variant in ("pretrain", "base"):
        run = f"{NANO}/{variant}/seed0"
        told = ("--config", f"{run}/config.yaml", "--to", "official", "--out", f"weights/{variant}.pth")
        vita(folder, "convert", "weights", f"{run}/model.safetensors", *told)
    return folder


@pytest.mark.dag
def test_a_finished_model_fills_tables_without_any_training(folder, theirs):
    shutil.copytree(theirs.path / "weights", folder.path / "weights")
    shutil.move(folder.path / "weights" / "base.pth", folder.path / "weights" / "theirs.pth")
    digest = sha256(folder.path / "weights" / "theirs.pth")
    tier = tier_of(folder, "video", "base", sha256=digest)
    tables = [f"results/table{number}.csv" for number in (3, 5, 6)]
    jobs = folder.jobs(*tables, "results/all_runs.csv", tier=tier)
    assert "train" not in jobs
    assert (jobs["convert_weights"], jobs["predict"], jobs["run_config"]) == (1, 1, 1)

    folder.succeed(*tables, "results/all_runs.csv", tier=tier)
    for name, rows in (("table3", 4), ("table5", 5), ("table6", 4)):
        assert sum(row["source"] == "ours" and bool(row["AP"]) for row in table(folder, name)) == rows
    trained, converted = (
        [row for row in table(place, "table6") if row["source"] == "ours"] for place in (theirs, folder)
    )
    assert [row["n_seeds"] for row in converted] == ["1"] * 4  # one file is one training
    ours = theirs.path / NANO / "base" / "seed0" / "metrics"
    for row, name in zip(converted, ("intact", "prune75", "prune50", "prune25"), strict=True):
        scores = json.loads((ours / f"{name}.json").read_text())["scores"]  # of the very same weights
        assert float(row["AP"]) == pytest.approx(100 * scores["ap"], abs=1e-3)
    assert [row["ratio"] for row in trained] == [row["ratio"] for row in converted]
    run = folder.path / MINE / "base" / "seed0"
    record = json.loads((run / "record.json").read_text())
    assert (record["weights_from"], record["origin"]["sha256"], record["origin"]["holds"]) == ("file", digest, "video")
    assert record["weights_sha256"] == sha256(run / "model.safetensors")
    assert_same_weights(run / "model.safetensors", theirs.path / NANO / "base" / "seed0" / "model.safetensors")
    assert not (run / "history.csv").exists()
    assert {row["weights_from"] for row in table(folder, "all_runs")} == {"file"}
    assert folder.jobs(*tables, tier=tier) == {}


@pytest.mark.dag
def test_a_training_starts_from_a_model_of_images(folder, theirs):
    (folder.path / "weights").mkdir()
    shutil.copy(theirs.path / "weights" / "pretrain.pth", folder.path / "weights" / "theirs.pth")
    tier = tier_of(folder, "image", "pretrain")
    target = f"{MINE}/base/seed1/model.safetensors"
    jobs = folder.jobs(target, tier=tier)
    assert (jobs["convert_weights"], jobs["train"]) == (1, 1)

    folder.succeed(target, tier=tier)
    record = json.loads(folder.read(f"{MINE}/base/seed1/record.json"))
    started = record["started_from"]["file"]
    assert (record["weights_from"], started) == ("trained", f"{MINE}/pretrain/seed0/model.safetensors")
    # As from the pre-training that the file was made of.
    assert_same_weights(folder.path / target, theirs.path / NANO / "base" / "seed1" / "model.safetensors")


@pytest.mark.dag
def test_a_chain_begins_at_a_backbone(folder, theirs):
    """As torchvision names it; a pre-training on it, and a training on that."""
    (folder.path / "weights").mkdir()
    official = torch.load(theirs.path / "weights" / "pretrain.pth", weights_only=True)["model"]
    backbone = {renamed(name, TORCHVISION): tensor for name, tensor in backbone_of(official).items()}
    assert {"conv1.weight", "bn1.running_var", "layer4.0.bn2.running_mean"} <= backbone.keys()
    torch.save(backbone | {"fc.weight": torch.zeros(10, 128)}, folder.path / "weights" / "theirs.pth")
    tier = tier_of(folder, "backbone", "pretrain")
    target = f"{MINE}/base/seed0/model.safetensors"
    jobs = folder.jobs(target, tier=tier)
    assert (jobs["convert_backbone"], jobs["train"]) == (1, 2)
    assert "convert_weights" not in jobs

    folder.succeed(target, tier=tier)
    pretrain, base = (json.loads(folder.read(f"{MINE}/{name}/seed0/record.json")) for name in ("pretrain", "base"))
    assert (pretrain["weights_from"], pretrain["origin"]["holds"]) == ("trained", "backbone")
    assert pretrain["origin"]["sha256"] == sha256(folder.path / "weights" / "theirs.pth")
    assert "fc.weight" in pretrain["origin"]["left_out"]
    assert pretrain["started_from"]["absent_parts"] == ["all but the backbone"]
    assert base["started_from"]["file"] == f"{MINE}/pretrain/seed0/model.safetensors"
    start = load_file(folder.path / MINE / "pretrain" / "seed0" / "start.safetensors")
    trained = load_file(theirs.path / NANO / "pretrain" / "seed0" / "model.safetensors")
    shared = [name for name in start if not name.endswith("num_batches_tracked")]
    assert shared and all(torch.equal(start[name], trained[name]) for name in shared)


@pytest.mark.dag
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "no file weights/theirs.pth. It is a model made for this test, published at nowhere"),
        ("unset", "no file ${NO_SUCH_FOLDER}/theirs.pth; that environment variable is not set"),
        ("another", "its SHA-256 is "),
        ("truncated", "weights/theirs.pth: "),
        ("of something else", "weights/theirs.pth: "),
    ],
)
def test_nothing_is_trained_on_a_file_that_is_not_there_or_not_right(folder, theirs, damage, message):
    path = folder.path / "weights" / "theirs.pth"
    path.parent.mkdir()
    whole = (theirs.path / "weights" / "pretrain.pth").read_bytes()
    content = {"truncated": whole[: len(whole) // 2], "of something else": b"not weights at all"}.get(damage, whole)
    if damage != "missing":
        path.write_bytes(content)
    changes = {"another": {"sha256": "0" * 64}, "unset": {"file": "${NO_SUCH_FOLDER}/theirs.pth"}}.get(damage, {})
    tier = tier_of(folder, "image", "pretrain", **changes)
    ended = folder.run("results/table6.csv", tier=tier)
    assert ended.returncode != 0
    assert message in ended.stdout + ended.stderr
    assert list((folder.path / "results").glob("runs/**/*.safetensors")) == []
    assert list((folder.path / "results").glob("runs/**/work")) == []
    if damage in ("another", "truncated", "of something else"):
        config = folder.path / MINE / "pretrain" / "seed0" / "config.yaml"
        command = [sys.executable, "-m", "vita", "convert", "run", "--config", str(config)]
        by_hand = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, check=False)
        assert by_hand.returncode == 2
        assert message in by_hand.stderr and len(told_besides_progress(by_hand.stderr)) == 1
