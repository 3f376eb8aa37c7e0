"""The files that make an environment agree with each other."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

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
