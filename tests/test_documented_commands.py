"""Every command of every page is known and checked: run where it is cheap, parsed with all its options elsewhere.

A command that nothing here knows how to treat fails.
"""

from __future__ import annotations

import importlib.util
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from documents import ALL, DOCUMENTS, ROOT, Command, blocks, shell_blocks
from packaging.requirements import Requirement
from snakemake.cli import get_argument_parser

from vita.cli.main import app

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
LIBRARY = ROOT / "workflow" / "config"
# Of the shell itself and of its plain tools; `bash -n` reads the whole block.
PLAIN = {"cat", "cd", "do", "done", "echo", "export", "find", "for", "mkdir", "printf", "rm", "source", "tar"}


def vita(words: list[str]) -> None:
    """An unknown command, an unknown or a missing option raises."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if words[0] == "--version":
            return
        command, words = command.commands[words[0]], words[1:]
    command.make_context("vita", list(words))


def snakemake(words: list[str]) -> None:
    """Options are Snakemake's; targets, tier, keys of `--config` and the profile are the project's."""
    asked = get_argument_parser().parse_args(words)
    config = dict(entry.split("=", 1) for entry in asked.config or ())
    assert set(config) <= {"tier", "failed", "rehearse"}
    tier = config.get("tier", "smoke")
    assert tier.startswith("mine/") or (LIBRARY / f"{tier}.yaml").exists()
    assert asked.workflow_profile is None or Path(ROOT, asked.workflow_profile, "config.yaml").exists()
    for target in asked.targets:
        assert re.fullmatch(r"results/(\w+)(/\1)?\.(csv|png)|results/(runs|tables)/.+\.yaml", target), target


def make(words: list[str]) -> None:
    """Variables and targets of the Makefile."""
    for word in words:
        name, setting, _ = word.partition("=")
        assert re.search(rf"^{name} \?=" if setting else rf"^{name}:", MAKEFILE, re.MULTILINE), word


def pip(words: list[str]) -> None:
    """What is installed is named as pip understands it; extras of the project exist."""
    assert words[0] == "install"
    for word in words[1:]:
        if extras := re.fullmatch(r"\.\[(\S+)\]", word):
            assert set(extras[1].split(",")) <= set(PROJECT["project"]["optional-dependencies"])
        elif not word.startswith("-") and word not in (".", "wheels", "constraints.txt"):
            Requirement(word)


def python(words: list[str]) -> None:
    """A script of the project, with options that it has, or an installed module; it is not started."""
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None
        return
    script, *options = words
    if "argparse" in (ROOT / script).read_text():
        told = subprocess.run(
            [sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert {word for word in options if word.startswith("-")} <= set(re.findall(r"--?[a-z][\w-]*", told))
        return
    sys.path.insert(0, str((ROOT / script).parent))  # as Python does
    main = runpy.run_path(str(ROOT / script), run_name="read")["main"]
    single = typer.Typer()
    single.command()(main)
    typer.main.get_command(single).make_context(script, options)


def pytest_(words: list[str]) -> None:
    """Folders exist, and so do markers."""
    markers = {entry.split(":")[0] for entry in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
    while words:
        word, *words = words
        if word == "-m":
            assert set(re.findall(r"\w+", words.pop(0))) - {"and", "not", "or"} <= markers
        else:
            assert (ROOT / word).exists()


def srun(words: list[str]) -> None:
    """Options of SLURM, then a command."""
    rest = [word for word in words if not word.startswith("--")]
    check(rest)


def docker(words: list[str]) -> None:
    """A build names a file and its arguments; what is run in the image is checked as a command."""
    verb, *words = words
    if verb == "build":
        text = (ROOT / words[words.index("-f") + 1]).read_text()
        given = [word.split("=")[0] for at, word in enumerate(words) if words[at - 1] == "--build-arg"]
        assert all(re.search(rf"^ARG {name}=", text, re.MULTILINE) for name in given)
    else:
        assert verb == "run"
        image = next(at for at, word in enumerate(words) if word.split(":")[0] == "vita-bench")
        check(words[image + 1 :])


def apptainer(words: list[str]) -> None:
    """A build from a definition; arguments of a run are Snakemake's."""
    verb, *words = words
    if verb == "build":
        text = (ROOT / words[-1]).read_text()
        given = [word.split("=")[0] for at, word in enumerate(words) if words[at - 1] == "--build-arg"]
        assert all(re.search(rf"^ +{name}=", text, re.MULTILINE) for name in given)
    else:
        assert verb == "run"
        snakemake(words[next(at for at, word in enumerate(words) if word.endswith(".sif")) + 1 :])


def conda(words: list[str]) -> None:
    """The environment of the project."""
    file = ROOT / "environment.yml"
    name = yaml.safe_load(file.read_text())["name"]
    assert words in (["env", "create", "-f", file.name], ["activate", name])


def uv(words: list[str]) -> None:
    """uv's own commands, and of pip's those that are checked as pip's."""
    if words[:2] == ["pip", "install"]:
        at = words.index("--python")
        pip(["install", *words[2:at], *words[at + 2 :]])
    elif words[:2] == ["pip", "compile"]:
        assert (ROOT / words[2]).exists() and words[words.index("--extra") + 1] in PROJECT["project"][
            "optional-dependencies"
        ]
    else:
        assert words[0] == "venv"


def tensorboard(words: list[str]) -> None:
    """The viewer, on folders that the workflow writes."""
    assert words[0] == "--logdir" and all(word.startswith("results/") for word in words[1:])


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "vita": vita,
    "snakemake": snakemake,
    "make": make,
    "pip": pip,
    "python": python,
    "pytest": pytest_,
    "srun": srun,
    "docker": docker,
    "apptainer": apptainer,
    "conda": conda,
    "uv": uv,
    "tensorboard": tensorboard,
}


def check(words: list[str]) -> None:
    """One command, by its first word."""
    CHECKS[words[0]](list(words[1:]))


@pytest.mark.parametrize("command", [one for one in ALL if one.words[0] not in PLAIN], ids=str)
def test_every_command_is_understood(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert command.words[0] in CHECKS, f"no test knows how to treat `{command.words[0]}`"
    check(list(command.words))


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_one_that_a_shell_reads(page: Path) -> None:
    for block in shell_blocks(page):
        ended = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_hides_in_a_block_without_a_language(page: Path) -> None:
    ours = "|".join(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    hidden = rf"(\.venv/bin/\w+|vita ({ours})|snakemake|make|pip|python|docker|apptainer|conda|uv) -?-?\w"
    for block in blocks(page.read_text(encoding="utf-8"), ""):
        assert not re.search(rf"^(\$ )?{hidden}", block, re.MULTILINE), block


def test_a_wrong_command_is_found() -> None:
    """The checks above can fail: one wrong word each."""
    wrong = [
        "vita evaluate --gold instances.json --pred results.json",
        "vita assess --gt instances.json",
        "snakemake --kores 4 results/table6.csv",
        "snakemake --cores 4 results/table6.csv --config tear=paper",
        "snakemake --cores 4 table6.csv",
        "make table66",
        "make table6 KORES=2",
        "python benchmarks/evaluator.py --tiny",
        "pip install -e .[develop]",
        "pytest -m slow",
        "docker build -f containers/Dockerfile --build-arg GPU=yes .",
        "conda env create -f env.yml",
    ]
    for line in wrong:
        with pytest.raises((Exception, SystemExit)):
            check(line.split())


def test_smoke_has_every_target_that_the_pages_ask_it_for(tmp_path: Path) -> None:
    """One dry run for all commands without a tier of their own; those of `mine/` stand in for experiments there."""
    parser = get_argument_parser()
    asked = [parser.parse_args(list(command.words[1:])) for command in ALL if command.words[0] == "snakemake"]
    targets = {target for one in asked for target in one.targets if not any("tier=" in c for c in one.config or ())}
    assert "results/table6.csv" in targets
    program = shutil.which("snakemake", path=str(Path(typer.__file__).parents[4] / "bin"))
    command = [program, "-n", "-s", ROOT / "Snakefile", "--cores", "1", "--directory", tmp_path, *sorted(targets)]
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
