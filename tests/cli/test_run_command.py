"""`vita run`: the words with which it goes on as Snakemake, and what it refuses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml
from tiny_run import vita

from vita.core.progress import VERBOSITY
from vita.core.threads import usable_cores
from vita.experiments.config import ExperimentConfig
from vita.experiments.targets import snakemake_targets

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "workflow"


class StartedError(Exception):
    """The process would have become another one."""


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Command lines of Snakemake, in the place of its start, in an empty folder."""
    found: list[list[str]] = []

    def execv(program: str, words: list[str]) -> None:
        assert (program, words[:3]) == (sys.executable, [sys.executable, "-m", "snakemake"])
        found.append(words[3:])
        raise StartedError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", execv)
    return found


def run(*words: object) -> None:
    with pytest.raises(StartedError):
        vita("run", *words)


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_table_of_the_smoke_tier_on_all_cores(started):
    run("table6")
    snakefile = ["--snakefile", str(WORKFLOW / "Snakefile")]
    cores = ["--cores", str(usable_cores())]
    assert started == [[*snakefile, "results/table6.csv", *cores, "--config", "tier=smoke"]]


def test_in_the_clone_s_own_folder_the_workflow_is_named_from_there(started, monkeypatch):
    monkeypatch.chdir(ROOT)
    run("table6")
    assert after(started[0], "--snakefile") == "workflow/Snakefile"


@pytest.mark.parametrize(("home", "cache"), [("/proc/nowhere", None), ("home", None), ("home", "/proc/nowhere")])
def test_an_account_without_a_home_gets_a_cache_in_the_working_directory(started, monkeypatch, tmp_path, home, cache):
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.setenv("XDG_CACHE_HOME", cache or "")
    if cache is None:
        monkeypatch.delenv("XDG_CACHE_HOME")
    run("table6")
    assert len(started) == 1
    own = str(tmp_path / ".snakemake" / "cache")
    assert os.environ.get("XDG_CACHE_HOME") == (None if (home, cache) == ("home", None) else own)


def test_every_option_reaches_snakemake(started):
    options = ["--tier", "mini", "--cores", 3, "-n", "--profile", "laptop", "--show-failed", "--rehearse", 20]
    run(
        "figure5", "figure6", "claims", "results/table4.csv", *options, "--", "--keep-going", "--set-threads", "train=2"
    )
    (words,) = started
    targets = ["results/figure5.pdf", "results/figure6/figure6.pdf", "results/claims.csv", "results/table4.csv"]
    assert words[2:6] == targets
    assert after(words, "--workflow-profile") == str(WORKFLOW / "profiles" / "laptop")
    assert after(words, "--cores") == "3" and "--dry-run" in words
    settings = ["--config", "tier=mini", "failed=show", "rehearse=20"]
    assert words[-7:] == [*settings, "--keep-going", "--set-threads", "train=2"]


def test_a_profile_says_how_many_cores(started, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "config.yaml").write_text("cores: 1\n")
    run("all", "--profile", "own")
    assert "--cores" not in started[0] and after(started[0], "--workflow-profile") == "own"


def test_arguments_of_snakemake_alone(started):
    run("--", "--unlock")
    assert started[0][-1] == "--unlock" and "all" not in started[0]


def test_settings_make_a_tier_of_their_own(started, tmp_path):
    run("table6", "--set", "seeds=3")
    (file,) = (tmp_path / "results" / "tiers").iterdir()
    assert started[0][-1] == f"tier={file.relative_to(tmp_path)}"
    assert yaml.safe_load(file.read_text())["seeds"] == 3


def test_how_much_is_told(started, monkeypatch):
    monkeypatch.delenv(VERBOSITY, raising=False)
    run("table6", "--quiet")
    assert after(started[0], "--quiet") == "host"
    run("table6", "-v")
    assert "--printshellcmds" in started[1]


def test_reports_are_of_what_is_there(started, monkeypatch):
    run("provenance")
    assert started[0][2:5] == ["reported", "--report", "provenance.html"]
    asked: list[tuple[Path, ...]] = []
    monkeypatch.setattr("vita.report.pages.report.write_report", lambda *places: asked.append(places) or [])
    ended = vita("run", "report")
    assert (ended.code, ended.out, len(started)) == (0, "report.html\n", 1)
    assert asked == [(Path("results"), Path("report.html"))]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tabel6"], "no target 'tabel6' in the tier 'smoke'; allowed: controls, fed_layers, figure5, "),
        (["table6", "provenance"], "provenance shows what is there, and is asked for alone"),
        (["table6", "report"], "report shows what is there, and is asked for alone"),
        (["table6", "--tier", "smock"], "--tier: no tier 'smock'; known: laptop, mini, paper, "),
        (["table6", "--set", "sedes=3"], "--set: unknown key 'sedes'; allowed here: adjustments, "),
        (["table6", "--profile", "cluster"], "--profile cluster: no such profile; allowed: laptop, slurm, or a folder"),
        (["table6", "--", "--config", "tier=mini"], "--config: the workflow takes tier, failed and rehearse: --tier, "),
        (["table6", "--", "--config=tier=mini"], "--config: the workflow takes tier, failed and rehearse: --tier, "),
    ],
)
def test_slips_are_one_line_and_start_nothing(started, words, message, tmp_path):
    assert vita("run", *words).message.startswith(message)
    assert started == [] and list(tmp_path.iterdir()) == []


def test_a_target_for_each_kind_of_experiment():
    select = {"method": "vita", "dataset": "ovis", "backbone": "r50"}
    kinds = {"a": "table", "b": "curves", "c": "qualitative"}
    known = {
        n: ExperimentConfig.model_validate({"item": "", "title": "", "kind": k, "select": select})
        for n, k in kinds.items()
    }
    targets = ["a", "b", "c", "all", "models", "results/x/y.json"]
    files = ["results/a.csv", "results/b.pdf", "results/c/c.pdf", "all", "results/models.csv", "results/x/y.json"]
    assert snakemake_targets(targets, known, "mine") == files
