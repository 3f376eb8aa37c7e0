"""The files that make an environment agree with each other."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
RULES = yaml.safe_load((ROOT / "workflow" / "environment.yaml").read_text())
STAND_IN = """#!/bin/sh
case "$1 $2" in
    "info --json") echo '{"conda_version": "25.1.0", "conda_prefix": "/", "platform": "linux-64"}' ;;
    "--version ") echo "conda 25.1.0" ;;
    "config --get") echo '{"get": {"channel_priority": "strict"}}' ;;
    "env create")
        while [ $# -gt 0 ]; do
            case "$1" in --file) file=$2 ;; --prefix) prefix=$2 ;; esac
            shift
        done
        mkdir -p "$prefix"
        dirname "$file" > "$CONDA_SAW"
        sed "s#\\${VITA_BENCH}#$VITA_BENCH#" "$file" >> "$CONDA_SAW" ;;
esac
"""


def test_every_requirement_is_pinned_inside_its_range():
    extras = [entry for group in PROJECT["optional-dependencies"].values() for entry in group]
    for entry in [*PROJECT["dependencies"], *extras]:
        requirement = Requirement(entry)
        name = canonicalize_name(requirement.name)
        assert name in PINS, f"{name} is not in constraints.txt"
        assert requirement.specifier.contains(PINS[name]), f"{entry} against {PINS[name]}"


def test_constraints_are_exact_public_versions_in_order():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(PINS)  # nothing but exact pins
    assert not any(Version(pin).local for pin in PINS.values())  # 2.13.0, not 2.13.0+cpu
    assert PINS["torch"] == "2.13.0"


def test_conda_installs_the_project_with_the_same_pins():
    python, pip, packages = CONDA["dependencies"]
    assert pip == "pip"
    assert packages == {"pip": ["-c constraints.txt", "-e .[dev]"]}
    lowest = min(SpecifierSet(PROJECT["requires-python"]), key=str).version
    assert lowest in Requirement(python).specifier
    assert "3.10" not in Requirement(python).specifier


def test_the_environment_of_the_rules_is_the_same_with_paths_that_hold_anywhere():
    python, pip, packages = RULES["dependencies"]
    assert [RULES["channels"], python, pip] == [CONDA["channels"], *CONDA["dependencies"][:2]]
    assert packages == {"pip": ["-c ${VITA_BENCH}/constraints.txt", "-e ${VITA_BENCH}"]}


@pytest.mark.dag
def test_conda_is_told_where_the_project_lies(folder):
    """A stand-in for conda writes down the file that it gets, as pip would read it, and where that lies."""
    conda = folder.path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(STAND_IN)
    conda.chmod(0o755)
    folder.environment = {"PATH": f"{conda.parent}:{os.environ['PATH']}", "CONDA_SAW": str(folder.path / "saw")}
    folder.succeed("--sdm", "conda", "--conda-create-envs-only", "results/table6.csv")
    where, *lines = folder.read("saw").splitlines()
    assert Path(where).is_relative_to(folder.path) and where != str(ROOT)
    options = dict(line.strip("- ").split(" ", 1) for line in lines if line.strip().startswith(("- -c", "- -e")))
    assert options == {"c": f"{ROOT}/constraints.txt", "e": str(ROOT)}


def test_detectron2_is_named_at_a_commit_and_required_by_nothing():
    text = (ROOT / "environment.yml").read_text()
    assert re.search(r"#.*detectron2\.git@[0-9a-f]{40}\"", text)
    assert "detectron2" not in str(CONDA) + str(PROJECT)


def test_a_second_make_installs_nothing(tmp_path):
    """The stamp is newer than both files that it depends on: nothing but the work itself is left to do."""
    for name in ("pyproject.toml", "constraints.txt", "Makefile"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    assert "pip install" in make(tmp_path, "table6")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "installed").touch()
    assert "pip install" not in make(tmp_path, "table6")
    later = (tmp_path / ".venv" / "installed").stat().st_mtime + 5
    os.utime(tmp_path / "constraints.txt", (later, later))
    assert "pip install" in make(tmp_path, "table6")


def test_an_old_python_is_refused(tmp_path):
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    ended = subprocess.run(["make", "venv", "PYTHON=false"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "needs Python 3.11 or newer" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def make(folder: Path, target: str) -> str:
    return subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True, check=True).stdout
