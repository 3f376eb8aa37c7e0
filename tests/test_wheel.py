"""The wheel: what is in it, and that the workflow runs from it in a folder where nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("vita", "vita_baselines", "vita_detectron2")
SOURCES = (*PACKAGES, "baselines", "workflow", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The unpacked wheel, built from a copy of the sources without a network; setuptools is of the extra `dev`."""
    source, built, unpacked = (tmp_path_factory.mktemp(name) for name in ("source", "built", "site"))
    for name in SOURCES:
        if (ROOT / name).is_symlink() or (ROOT / name).is_file():
            shutil.copy2(ROOT / name, source, follow_symlinks=False)
        else:
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(built), str(source)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (wheel,) = built.iterdir()
    ZipFile(wheel).extractall(unpacked)
    return unpacked


def test_its_packages_are_ours_alone(site):
    """Another distribution is imported as `baselines`."""
    packages = {path.name for path in site.iterdir() if path.suffix != ".dist-info"}
    assert packages == {*PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_it(site, package):
    folder = (ROOT / package).resolve()
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    meant = {path for path in files if "__pycache__" not in path.parts and path.suffix != ".md"}
    assert sorted(path for path in meant if not (site / package / path).is_file()) == []


def test_the_whole_workflow_is_in_it(site):
    folder = ROOT / "workflow"
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in files} >= {"Snakefile", "rules", "config", "schemas", "profiles", "report"}
    shipped = site / "vita" / "workflow"
    assert {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()} == files


def test_the_workflow_runs_from_it_in_an_empty_folder(site, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(site)}

    def said(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    told = said("vita", "run", "table6", "--tier", "smoke", "-n")
    assert f"snakemake --snakefile {site}/vita/workflow/Snakefile results/table6.csv" in told
    assert "output: results/table6.csv, results/table6.md" in told
    assert not (tmp_path / "results").exists()
    assert json.loads(said("vita", "plan", "--target", "table6", "--quiet", "--json"))["jobs"] == 13
