"""The documents name only what exists: files, make targets, commands with their options, configuration that parses."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from vita.cli.main import app
from vita.data.ytvis import read_split
from vita.experiments.run_table import RunTable

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("*/README.md"))]
GENERATED = ("results/", "mine/")


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^ {3}", "", block, flags=re.MULTILINE) for block in found]


def commands(text: str) -> list[list[str]]:
    """The lines of all shell blocks, as words, `.venv/bin/` taken away."""
    lines = [line for block in blocks(text, "sh") for line in block.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [[word.removeprefix(".venv/bin/") for word in line] for line in words if line]


def named_paths(text: str) -> set[str]:
    """Links, and what stands in backquotes and looks like a path of this repository."""
    quoted = re.findall(r"`([\w./-]+)`", text)
    links = re.findall(r"\]\(([\w./-]+)\)", text)
    return {name for name in quoted if re.search(r"/\w", name) and re.search(r"/$|\.[a-z]+$", name)} | {*links}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_exists(document):
    names = named_paths(document.read_text())
    ours = {name for name in names if not name.startswith(GENERATED)}
    missing = [name for name in ours if not (ROOT / name).exists() and not (document.parent / name).exists()]
    assert not missing


def test_the_layout_is_the_tree():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    block = README.partition("## Layout\n\n```\n")[2].partition("\n```")[0]
    listed = [line.split()[0].rstrip("/") for line in block.splitlines()]
    assert sorted(listed) == sorted({file.split("/")[0] for file in files})


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`(?:\S+=\S+ )?make ([a-z0-9-]+)", README))
    named |= {line[1] for line in commands(README) if line[0] == "make"}
    assert {"table6", "test"} <= named <= targets


def vita_commands() -> list[list[str]]:
    return [line for document in DOCUMENTS for line in commands(document.read_text()) if line[0] == "vita"]


@pytest.mark.parametrize("words", vita_commands(), ids=" ".join)
def test_every_vita_command_is_understood(words):
    command: Any = typer.main.get_command(app)
    rest = words[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context("vita", rest)  # an unknown or a missing option raises


def test_the_example_of_labels_is_read(tmp_path):
    labels = tmp_path / "instances.json"
    labels.write_text(blocks(README, "json")[0])
    split = read_split(labels, tmp_path)
    assert split.category_names == ("person",)
    assert len(split.videos[0].frame_paths) == json.loads(labels.read_text())["videos"][0]["length"]
    first, second = split.instances[0][0].segmentations
    assert first is not None
    assert second is None


def test_the_example_configuration_is_read(tmp_path):
    """Data set and tier as the README has them: whatever the tier runs, it runs on these videos alone."""
    dataset, tier = blocks(README, "yaml")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mine.yaml").write_text(dataset)
    (tmp_path / "tier.yaml").write_text(tier)
    runs = list(RunTable(tmp_path / "tier.yaml", ROOT / "workflow" / "config"))
    assert {(run.tier, run.dataset) for run in runs} == {("mine", "mine")}
    assert {run.config.dataset.root for run in runs} == {"mine/data"}
    assert {run.prediction.short_edge for run in runs if run.prediction} == {288}
