"""The `vita` command in a process of its own, where `vita` is vita-bench's whatever package of that name is here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# The interpreter that vita-bench is installed for, where that is not the one that detectron2 runs in.
INTERPRETER = "VITA_PYTHON"


class VitaCommandError(RuntimeError):
    """The `vita` command ended with an error; the message is the line that it wrote."""


def run_vita(*arguments: str, folder: Path | None = None) -> str:
    """Run `vita` with these arguments and return what it prints.

    folder: that relative paths in its files start from; the current one when None. Raises VitaCommandError.
    """
    # Neither the folder that a program was started in (-P) nor PYTHONPATH (-E) may bring another package `vita`.
    command = [os.environ.get(INTERPRETER, sys.executable), "-E", "-P", "-m", "vita", *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    if "No module named vita" in ended.stderr:
        raise VitaCommandError(
            f"vita-bench is not installed for {command[0]}; install it there, or name the interpreter that it is "
            f"installed for in the environment variable {INTERPRETER}"
        )
    if ended.returncode:
        raise VitaCommandError(_told(ended.stderr) or f"`{' '.join(command)}` ended with exit code {ended.returncode}")
    return ended.stdout


def _told(stderr: str) -> str:
    """The last line of an error's output, which says what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else ""
