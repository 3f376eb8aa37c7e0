"""Files beside the code agree with each other: version, hooks, continuous integration, forms."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from tiny_run import vita as command

import vita

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def read_yaml(*parts: str):
    return yaml.safe_load(ROOT.joinpath(*parts).read_text())


def test_the_version_stands_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"] and "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "vita.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", vita.__version__)
    assert read_yaml("CITATION.cff")["version"] == vita.__version__


def test_the_command_tells_its_version():
    ended = command("--version")
    assert (ended.code, ended.out) == (0, f"vita-bench {vita.__version__}\n")


def test_hooks_run_what_make_lint_runs():
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    hooks = [hook for repo in read_yaml(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == commands
    assert all(re.compile(hook["files"]).match("Snakefile") for hook in hooks if "files" in hook)


def test_continuous_integration_is_one_script():
    steps = read_yaml(".github", "workflows", "ci.yml")["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def test_forms_ask_for_the_record():
    for form in ("failure.yml", "number.yml"):
        fields = {field["id"]: field for field in read_yaml(".github", "ISSUE_TEMPLATE", form)["body"]}
        assert fields["record"]["validations"]["required"] and "record.json" in fields["record"]["attributes"]["label"]


def test_types_are_shipped():
    for package in ("vita", "vita_baselines", "vita_detectron2"):
        assert (ROOT / package / "py.typed").exists()
        assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"][package]


def test_changes_are_kept():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "Unreleased" or headings[0].startswith(vita.__version__)
