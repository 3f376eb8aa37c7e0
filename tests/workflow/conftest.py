"""Snakemake in an empty folder, on a tier of its own, with the real `vita` or with one that computes nothing."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Folder:
    """A working directory; `tier` is its own copy of the nano tier."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def tier(self) -> Path:
        return self.path / "tier" / "nano.yaml"

    def command(self, *arguments: str, tier: str | None = None) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile")]
        return [*snakemake, "--directory", str(self.path), *arguments, "--config", f"tier={tier or self.tier}"]

    def run(self, *arguments: str, tier: str | None = None) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, tier=tier)
        environment = os.environ | self.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def said(self, *arguments: str, tier: str | None = None) -> str:
        """All that a run prints, however it ends."""
        ended = self.run(*arguments, tier=tier)
        return ended.stdout + ended.stderr

    def jobs(self, *arguments: str, tier: str | None = None) -> dict[str, int]:
        """Jobs by rule of a dry run."""
        ended = self.run("-n", *arguments, tier=tier)
        assert ended.returncode == 0, ended.stderr + ended.stdout
        table = (ended.stdout + ended.stderr).partition("Job stats:")[2].partition("total")[0]
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

    def calls(self) -> list[str]:
        log = self.path / "calls.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder; rules call the real `vita`."""
    tier = tmp_path / "tier"
    shutil.copytree(HERE / "datasets", tier / "datasets")
    for name in ("nano.yaml", "nano_methods.yaml"):
        shutil.copy(HERE / name, tier)
    return Folder(tmp_path)


@pytest.fixture
def fake_folder(folder: Folder) -> Folder:
    """An empty folder; rules call fake_vita.py."""
    script = folder.path / "bin" / "vita"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_vita.py"}" "$@"\n')
    script.chmod(0o755)
    folder.environment["VITA_BIN"] = str(script.parent)
    return folder
