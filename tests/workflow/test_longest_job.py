"""A training that takes longer than the tier's longest job: cut off, it goes on in another job, to the same bytes."""

import json
import shutil
import sys

import pytest
from conftest import HERE, Folder

RUN = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0"
WEIGHTS = f"{RUN}/model.safetensors"
CHECKPOINT = "/".join((RUN, "work", "last.pt"))
STEPS = 60
# Kills the first training at its first checkpoint, as a scheduler kills what met its time limit.
LIMITED = """#!/bin/sh
if [ "$1" = train ] && [ ! -e killed ]; then
  "{python}" -m vita "$@" &
  child=$!
  while [ ! -e {checkpoint} ] && kill -0 $child; do sleep 0.02; done
  touch killed
  kill -9 $child
  exit 137
fi
exec "{python}" -m vita "$@"
"""


def prepared(path):
    shutil.copytree(HERE / "datasets", path / "tier" / "datasets")
    shutil.copy(HERE / "nano.yaml", path / "tier")
    folder = Folder(path)
    folder.change("nano.yaml", "schedules", "pretrain", "iterations", to=STEPS)
    return folder


def limited_training(path):
    """A prepared folder whose first training is killed."""
    folder = prepared(path)
    script = folder.path / "bin" / "vita"
    script.parent.mkdir()
    script.write_text(LIMITED.format(python=sys.executable, checkpoint=CHECKPOINT))
    script.chmod(0o755)
    folder.environment["VITA_BIN"] = str(script.parent)
    return folder


@pytest.mark.dag
def test_it_ends_with_the_bytes_of_an_uninterrupted_one(tmp_path):
    whole, limited = prepared(tmp_path / "whole"), limited_training(tmp_path / "limited")
    whole.succeed(WEIGHTS)
    limited.change("nano.yaml", "longest_job", to=1)

    said = limited.succeed(WEIGHTS)
    assert (limited.path / "killed").exists()
    assert "Trying to restart job" in said
    record = json.loads(limited.read(f"{RUN}/record.json"))
    assert len(record["resumed_at"]) == 1 and 0 < record["resumed_at"][0] < STEPS
    assert (limited.path / WEIGHTS).read_bytes() == (whole.path / WEIGHTS).read_bytes()


@pytest.mark.dag
def test_without_a_longest_job_it_is_not_tried_again(tmp_path):
    folder = limited_training(tmp_path / "plain")
    assert folder.run(WEIGHTS).returncode != 0
    assert not (folder.path / WEIGHTS).exists()


def test_a_job_does_not_try_again_within_itself(fake_folder):
    """As a scheduler's job calls Snakemake: it would multiply the attempts, and use up the time of the job."""
    fake_folder.change("nano.yaml", "longest_job", to=1)
    (fake_folder.path / "broken").write_text("train /pretrain/\n")
    assert fake_folder.run(WEIGHTS).returncode != 0
    attempts = len(fake_folder.calls("train"))
    assert attempts > 1
    assert fake_folder.run(WEIGHTS, "--mode", "remote", "--nolock").returncode != 0
    assert len(fake_folder.calls("train")) == attempts + 1
