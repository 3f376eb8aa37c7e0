"""The documents name only what exists: files, make targets, commands with their options, configuration that parses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from documents import ALL, DOCUMENTS, ROOT, blocks

from vita.data.ytvis import read_split
from vita.experiments.run_table import RunTable

README = (ROOT / "README.md").read_text()
OWN_DATA = (ROOT / "docs" / "own_data.md").read_text()
GENERATED = ("results/", "mine/")


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


def test_the_readme_is_short():
    assert len(README.split()) < 1200


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = "".join(page.read_text() for page in DOCUMENTS)
    named = set(re.findall(r"`(?:\S+=\S+ )?make ([a-z0-9-]+)", pages))
    named |= {command.words[1] for command in ALL if command.words[0] == "make"}
    assert {"table6", "test"} <= named <= targets


def test_the_example_of_labels_is_read(tmp_path):
    labels = tmp_path / "instances.json"
    labels.write_text(blocks(OWN_DATA, "json")[0])
    split = read_split(labels, tmp_path)
    assert split.category_names == ("person",)
    assert len(split.videos[0].frame_paths) == json.loads(labels.read_text())["videos"][0]["length"]
    first, second = split.instances[0][0].segmentations
    assert first is not None
    assert second is None


@pytest.mark.parametrize(("example", "short_edge"), [(0, 112), (1, 288)])
def test_the_example_configurations_are_read(tmp_path, example, short_edge):
    """Data set and tiers as the page has them: whatever a tier runs, it runs on these videos alone."""
    *tiers, dataset = blocks(OWN_DATA, "yaml")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mine.yaml").write_text(dataset)
    (tmp_path / "tier.yaml").write_text(tiers[example])
    runs = list(RunTable(tmp_path / "tier.yaml", ROOT / "workflow" / "config"))
    assert {(run.tier, run.dataset) for run in runs} == {("mine", "mine")}
    assert {run.config.dataset.root for run in runs} == {"mine/data"}
    assert {run.prediction.short_edge for run in runs if run.prediction} == {short_edge}
