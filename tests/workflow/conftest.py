"""Snakemake in an empty folder, on a tier of its own, with the real `vita` or with one that computes nothing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from warm_start import WarmStart

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Folder:
    """A working directory; `tier` is its own copy of the nano tier.

    warm: a folder of clients that stand for `vita` and Snakemake where `run` and the like start them, as `WarmStart`
    says; None where they are started anew.
    """

    path: Path
    environment: dict[str, str] = field(default_factory=dict)
    warm: Path | None = None

    @property
    def tier(self) -> Path:
        return self.path / "tier" / "nano.yaml"

    def command(self, *arguments: str, tier: str | None = None, **config: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile")]
        settings = [f"{key}={value}" for key, value in ({"tier": str(tier or self.tier)} | config).items()]
        return [*snakemake, "--directory", str(self.path), *arguments, "--config", *settings]

    def run(self, *arguments: str, tier: str | None = None, **config: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, tier=tier, **config)
        environment = os.environ | self.environment
        if self.warm is not None:
            command = [str(self.warm / "snakemake"), *command[3:]]
            environment.setdefault("VITA_BIN", str(self.warm))
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def succeed(self, *arguments: str, tier: str | None = None, **config: str) -> str:
        """All that a run prints, which must end well."""
        ended = self.run(*arguments, tier=tier, **config)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def said(self, *arguments: str, tier: str | None = None, **config: str) -> str:
        """All that a run prints, however it ends."""
        ended = self.run(*arguments, tier=tier, **config)
        return ended.stdout + ended.stderr

    def jobs(self, *arguments: str, tier: str | None = None, **config: str) -> dict[str, int]:
        """Jobs by rule of a dry run."""
        return self.stats(self.succeed("-n", *arguments, tier=tier, **config))

    def stats(self, said: str) -> dict[str, int]:
        """Jobs by rule, from what Snakemake printed."""
        table = said.partition("Job stats:")[2].partition("total")[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}

    def change(self, file: str, *keys: object, to: object) -> None:
        """Set one key of a YAML file beside the tier, copied there from the project on first use."""
        path = self.path / "tier" / file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "workflow" / "config" / file, path)
        content = yaml.safe_load(path.read_text())
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def calls(self, command: str = "") -> list[str]:
        """What fake_vita.py was called for, in order."""
        log = self.path / "calls.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line.startswith(command)]

    def read(self, path: str) -> str:
        return (self.path / path).read_text()


@pytest.fixture(scope="session")
def warm() -> Iterator[Path]:
    """A folder of clients, as of `Folder`."""
    started = WarmStart()
    yield started.folder
    started.end()


@pytest.fixture
def cold_folder(tmp_path: Path) -> Folder:
    """An empty folder; rules call the real `vita`, and every process is started anew, as a user's is."""
    tier = tmp_path / "tier"
    shutil.copytree(HERE / "datasets", tier / "datasets")
    for name in ("nano.yaml", "nano_methods.yaml"):
        shutil.copy(HERE / name, tier)
    return Folder(tmp_path)


@pytest.fixture
def folder(cold_folder: Folder, warm: Path) -> Folder:
    """An empty folder; rules call the real `vita`."""
    cold_folder.warm = warm
    return cold_folder


@pytest.fixture
def fake_folder(folder: Folder) -> Folder:
    """An empty folder; rules call fake_vita.py."""
    script = folder.path / "bin" / "vita"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_vita.py"}" "$@"\n')
    script.chmod(0o755)
    folder.environment["VITA_BIN"] = str(script.parent)
    return folder
