"""The containers copy what is there, install a Python that the project takes, and call make targets that exist.

They are read, not built.
"""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
from documents import ROOT
from packaging.specifiers import SpecifierSet

CONTAINERS = ROOT / "containers"
DOCKERFILE = (CONTAINERS / "Dockerfile").read_text()
IGNORED = (CONTAINERS / "Dockerfile.dockerignore").read_text()
DEFINITION = (CONTAINERS / "vita-bench.def").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def section(name: str) -> list[str]:
    """The lines of one section of the Apptainer definition."""
    found = re.search(rf"^%{name}\n((?:[ \t]+.*\n|\n)*)", DEFINITION, re.MULTILINE)
    assert found is not None
    return [line.strip() for line in found[1].splitlines() if line.strip()]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def test_both_have_the_same_python_and_the_project_takes_it() -> None:
    (docker,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert "FROM python:${PYTHON}-slim" in DOCKERFILE
    (apptainer,) = re.findall(r"^From: python:(\S+)-slim$", DEFINITION, re.MULTILINE)
    assert docker == apptainer
    assert f"{docker}.1" in SpecifierSet(PROJECT["requires-python"])


def test_the_image_has_the_files_that_the_project_keeps() -> None:
    """All is left out but what is named, and all that is named is there; so no result and no .venv gets in."""
    assert ("COPY", ". .") in instructions()
    everything, *rules = [line for line in IGNORED.splitlines() if not line.startswith("#")]
    assert everything == "*"
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    assert all((ROOT / name).exists() for name in kept)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    shown = {name.split("/")[0] for name in tracked if not name.startswith(".")}
    assert {name.split("/")[0] for name in kept} == shown


def test_the_definition_copies_what_is_there_and_all_that_runs() -> None:
    copied = [line.split() for line in section("files")]
    assert all((ROOT / source).exists() and target == f"/vita-bench/{source}" for source, target in copied)
    packages = {"vita", "baselines", "vita_detectron2", "workflow", "Snakefile", "Makefile"}
    installation = {"pyproject.toml", "constraints.txt", PROJECT["readme"], "LICENSE"}
    assert packages | installation <= {source for source, _ in copied}


@pytest.mark.parametrize("text", [DOCKERFILE, DEFINITION], ids=["docker", "apptainer"])
def test_make_targets_exist_and_devices_are_two(text: str) -> None:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    called = re.findall(
        r'(?:\bmake |"make", ")([a-z0-9-]+)', "\n".join(lines).replace("--no-install-recommends make", "")
    )
    assert "venv" in called and set(called) <= TARGETS
    assert re.findall(r"^ +(\w+)\) ", text, re.MULTILINE) == ["cpu", "cuda"]
    assert re.search(r"^(?:ARG| +) ?DEVICE=cpu$", text, re.MULTILINE)


def test_every_step_is_one_that_a_shell_reads() -> None:
    steps = [re.sub(r"--mount=\S+", "", text) for name, text in instructions() if name == "RUN"]
    steps.append("\n".join(section("post")).replace("{{ DEVICE }}", "cpu"))
    for step in steps:
        ended = subprocess.run(["sh", "-n"], input=step, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
