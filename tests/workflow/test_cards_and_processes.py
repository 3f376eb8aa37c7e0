"""Jobs with cards on a machine without a scheduler, and trainings by several processes through the DAG."""

import csv
import json
import re
import subprocess
import sys

import pytest
import yaml

# Short clips and few points, at the rate of the release: of thousands of choices between points, one is else made by
# a rounding of 32 bits in some steps, and the loss of that step differs in the fifth digit (test_processes.py of the
# engine takes such steps in 64 bits, with all points). Even so, of fifty such trainings 3 in the plain form and 8 in
# that for CPUs met such a choice within ten steps, and differed by 1e-5 to 2e-2, and all others by 2e-7 or so. That of
# SEED meets none.
CLIPS = {"iterations": 10, "clips_per_batch": 4, "clip_frames": 2, "frame_range": 4, "learning_rate": 5.0e-5}
POINTS = 4
SEED = 1
CLOSE = 1e-5  # of losses that sums in another order have


def provided(said):
    """Resources that Snakemake says it has."""
    return dict(re.findall(r'(\w+)=Resource\("\w+", (\d+)\)', re.search(r"Provided resources: (.*)", said)[1]))


def commands(said, command):
    return re.findall(rf"vita {command} .*", said)


def test_cards_are_a_limit_without_a_profile(fake_folder):
    """This machine has none, so that one job at a time asks for one; the user's own limit stays."""
    fake_folder.environment["CUDA_VISIBLE_DEVICES"] = ""
    fake_folder.change("nano.yaml", "gpus", to=1)
    assert provided(fake_folder.succeed("results/table6.csv"))["gpu"] == "1"
    assert all("--gpus 1" in call for call in fake_folder.calls("train") + fake_folder.calls("predict"))
    fake_folder.change("nano.yaml", "seeds", to=[2])
    assert provided(fake_folder.succeed("results/table6.csv", "--resources", "gpu=3"))["gpu"] == "3"


def test_a_training_asks_for_as_many_processes_as_its_tier(fake_folder):
    """One a card, where cards are asked for; on cores what `processes` says. That number does nothing anew."""
    fake_folder.change("nano.yaml", "gpus", to=2)
    many = ("results/table6.csv", "--resources", "gpu=4", "--cores", "8")
    said = fake_folder.succeed("-n", "-p", *many)
    assert all("--gpus 2 --processes 2 --" in line for line in commands(said, "train"))
    assert all("--gpus 1 >" in line for line in commands(said, "predict"))
    fake_folder.change("nano.yaml", "gpus", to=0)
    fake_folder.change("nano.yaml", "processes", to=2)
    fake_folder.succeed(*many)
    assert len(fake_folder.calls("train")) == 3
    assert all("--gpus 0 --processes 2 --" in line for line in fake_folder.calls("train"))
    fake_folder.change("nano.yaml", "processes", to=None)
    assert fake_folder.jobs(*many) == {}


def test_a_tier_says_who_watches(fake_folder):
    """By a name that is installed; it does nothing anew, and is no part of a run."""
    fake_folder.succeed("results/table6.csv")
    configs = {path: path.read_bytes() for path in fake_folder.path.rglob("config.yaml")}
    assert len(configs) == len(fake_folder.calls("train")) == 3
    assert all("--watch tensorboard --" in line for line in fake_folder.calls("train"))
    for names, given in ((["tensorboard", "wandb"], "tensorboard,wandb"), ([], "none")):
        fake_folder.change("nano.yaml", "watch", to=names)
        assert fake_folder.jobs("results/table6.csv") == {}
        said = fake_folder.succeed("-n", "-p", "results/table6.csv", "--forcerun", "train")
        assert all(f"--watch {given} --" in line for line in commands(said, "train"))
        assert {path: path.read_bytes() for path in configs} == configs
    fake_folder.change("nano.yaml", "watch", to=["tensorbord"])
    ended = fake_folder.run("-n", "results/table6.csv")
    told = "error: tier 'nano': watch: unknown watcher 'tensorbord'; installed are: tensorboard, trackio, wandb"
    assert (ended.returncode, ended.stderr.strip()) == (2, told)


def history(folder, tier):
    path = folder.path / f"results/runs/{tier}/nano_shapes/vita/tiny/base/seed{SEED}"
    record = json.loads((path / "record.json").read_text())
    assert (
        record["started_from"]["file"] == f"results/runs/{tier}/nano_shapes/vita/tiny/pretrain/seed0/model.safetensors"
    )
    with (path / "history.csv").open() as handle:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(handle)]
    return record["processes"], [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.dag
def test_two_processes_have_the_losses_of_one(folder):
    """Of the model of `smoke`, its backbone's norms constants from a weights file; with and without accumulation."""
    trained = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0"
    folder.succeed(f"{trained}/model.safetensors")
    (folder.path / "weights").mkdir()
    told = ["--config", f"{trained}/config.yaml", "--to", "official", "--out", "weights/theirs.pth"]
    command = [sys.executable, "-m", "vita", "convert", "weights", f"{trained}/model.safetensors", *told]
    subprocess.run(command, cwd=folder.path, check=True)
    folder.change("methods/vita.yaml", "presets", "tiny", "detector", "norm", to="frozen")
    for level in ("frame_points", "video_points"):
        folder.change("methods/vita.yaml", "presets", "tiny", level, to=POINTS)

    image = {"method": "vita", "variant": "pretrain", "file": "weights/theirs.pth", "holds": "image"}
    image |= {"published": "a model made for this test", "obtain": "nowhere"}
    common = {"extends": "nano", "start": "theirs", "weights": {"theirs": [image]}, "seeds": [SEED]}
    tiers = {"alone": (None, None), "two": (2, None), "parts": (2, 1)}
    for tier, (processes, clips_per_pass) in tiers.items():
        clips = CLIPS | {"clips_per_pass": clips_per_pass}
        content = common | {"tier": tier, "processes": processes, "schedules": {"clips": clips}}
        (folder.path / "tier" / f"{tier}.yaml").write_text(yaml.safe_dump(content))
        target = f"results/runs/{tier}/nano_shapes/vita/tiny/base/seed{SEED}/model.safetensors"
        folder.succeed(target, tier=str(folder.path / "tier" / f"{tier}.yaml"))
    count, expected = history(folder, "alone")
    assert count == 1 and [row["step"] for row in expected] == list(range(1, 11))
    for tier in ("two", "parts"):
        count, found = history(folder, tier)
        assert count == 2
        for ours, theirs in zip(found, expected, strict=True):
            assert ours == pytest.approx(theirs, rel=CLOSE), tier
