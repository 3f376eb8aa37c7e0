"""`vita run` beside plain Snakemake: the same jobs, the same bytes, and tiers with keys set that lie apart."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest


def vita_run(folder, *words: str) -> str:
    """All that `vita run` says in the folder, where it must end well; `vita` of the rules computes nothing."""
    command = [sys.executable, "-m", "vita", "run", *words, "--tier", "tier/nano.yaml", "--cores", "2"]
    environment = os.environ | folder.environment
    ended = subprocess.run(command, cwd=folder.path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.dag
def test_what_snakemake_made_is_not_made_again(fake_folder):
    fake_folder.succeed("results/table6.csv", tier="tier/nano.yaml")
    made = {path: path.read_bytes() for path in (fake_folder.path / "results").rglob("*") if path.is_file()}
    calls = len(fake_folder.calls())
    assert "Nothing to be done" in vita_run(fake_folder, "table6")
    assert len(fake_folder.calls()) == calls
    (fake_folder.path / "results" / "table6.csv").unlink()
    vita_run(fake_folder, "table6")
    assert [call.split()[:2] for call in fake_folder.calls()[calls:]] == [["table", "build"]]
    assert all(path.read_bytes() == content for path, content in made.items() if path.suffix != ".log")


@pytest.mark.dag
def test_a_tier_with_a_key_set_is_made_beside_the_plain_one(fake_folder):
    """One more seed: nothing of the plain tier is used for it, or changed by it."""
    vita_run(fake_folder, "table6")
    plain = {path: path.stat().st_mtime_ns for path in (fake_folder.path / "results" / "runs").rglob("*.json")}
    vita_run(fake_folder, "table6", "--set", "seeds=3")
    first, second = sorted(path.name for path in (fake_folder.path / "results" / "runs").iterdir())
    assert first == "nano" and re.fullmatch(r"nano-seeds-[0-9a-f]{6}", second)
    assert {path: path.stat().st_mtime_ns for path in plain} == plain
    seeds = {line.split("/")[-1].split()[0] for line in fake_folder.read("results/table6.csv").splitlines()}
    assert seeds == {"seed0", "seed1", "seed2"}
    assert fake_folder.jobs("results/table6.csv", tier=f"results/tiers/{second}.yaml") == {}  # by plain Snakemake too
