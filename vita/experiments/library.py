"""Where the workflow lies: a folder of the clone, or data of the installed package."""

from __future__ import annotations

from pathlib import Path

import vita


def workflow_folder() -> Path:
    """The folder of Snakefile, rules, config and profiles; relative where it lies below the working directory."""
    folder = (Path(vita.__file__).parent / "workflow").resolve()  # in a clone a link
    here = Path.cwd().resolve()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def library_folder() -> Path:
    """The folder of the tiers, data sets, methods and experiments that come with the workflow."""
    return workflow_folder() / "config"
