"""The command that starts the workflow, from any folder."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from vita.cli.report import report
from vita.cli.tiers import Settings, Tier
from vita.core.contract import UserError
from vita.core.progress import is_quiet, is_verbose, say


def run(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET... [-- ARGUMENTS]",
            help="table6, figure5, claims, report, all, or a file in results/; after --, arguments of Snakemake.",
        ),
    ],
    tier: Tier = "smoke",
    settings: Settings = None,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Cores that jobs may take.  [default: all, or as the profile says]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Tell what would run.")] = False,
    profile: Annotated[
        str | None, typer.Option(help="laptop, slurm, or the folder of a workflow profile of Snakemake.")
    ] = None,
    show_failed: Annotated[
        bool, typer.Option("--show-failed", help="Do not try failed runs again: they stand in the tables as failed.")
    ] = False,
    rehearse: Annotated[
        int | None, typer.Option(min=1, help="So many steps of every training, to see what the tier takes.")
    ] = None,
) -> None:
    """Make tables, figures and all that they need; results go to the working directory.

    The same as Snakemake in a clone, `snakemake --cores N results/table6.csv --config tier=T`, which ends this process.
    """
    from vita.core.threads import usable_cores
    from vita.experiments.library import library_folder, workflow_folder
    from vita.experiments.reading import find_tier
    from vita.experiments.resolve import Resolver
    from vita.experiments.settings import read_settings, tier_with_settings
    from vita.experiments.targets import REPORT, snakemake_targets

    if targets == [REPORT]:
        report(Path("results"), Path("report.html"))
        return
    library = library_folder()
    names = list(takewhile(lambda word: not word.startswith("-"), targets))
    further = targets[len(names) :]
    if {"--config", "-C"} & {word.partition("=")[0] for word in further}:
        raise UserError("--config: the workflow takes tier, failed and rehearse: --tier, --show-failed and --rehearse")
    file = find_tier(tier, library, "--tier")
    chosen = tier_with_settings(file, library, read_settings(settings or []))
    resolver = Resolver(chosen, library)
    config = [f"tier={tier if chosen == file else chosen}"]
    config += ["failed=show"] if show_failed else []
    config += [f"rehearse={rehearse}"] if rehearse else []
    words = ["--snakefile", str(workflow_folder() / "Snakefile")]
    words += snakemake_targets(names, resolver.experiments, resolver.tier.tier)
    words += ["--workflow-profile", _profile(profile, workflow_folder() / "profiles")] if profile else []
    words += ["--cores", str(cores or usable_cores())] if cores or not profile else []
    words += ["--dry-run"] if dry_run else []
    start_snakemake([*words, *_told(), "--config", *config, *further])


def start_snakemake(words: Sequence[str]) -> NoReturn:
    """Go on as Snakemake, in this process: signals reach it, and its exit code is the command's."""
    _find_cache()
    say(f"Starting: {shlex.join(['snakemake', *words])}")
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *words])


def _find_cache() -> None:
    """Snakemake needs a cache folder: an account whose home cannot be written gets one in the working directory."""
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        (home / "snakemake").mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # it cannot be written; there is none
        os.environ["XDG_CACHE_HOME"] = str(Path(".snakemake", "cache").absolute())


def _told() -> list[str]:
    """How much Snakemake tells."""
    if is_quiet():
        return ["--quiet", "host", "progress", "reason", "rules"]
    return ["--printshellcmds"] if is_verbose() else []


def _profile(name: str, folder: Path) -> str:
    """The folder of a profile. Raises UserError where there is none."""
    places = [folder / name, Path(name)]
    found = next((place for place in places if (place / "config.yaml").is_file()), None)
    if found is None:
        known = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise UserError(f"--profile {name}: no such profile; allowed: {known}, or a folder with a config.yaml")
    return str(found)
