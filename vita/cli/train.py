"""`vita train`. Heavy imports wait until it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vita.cli.convert import quiet_libraries
from vita.cli.gpus import Gpus
from vita.core.contract import UserError
from vita.core.watcher import NOBODY

if TYPE_CHECKING:
    import numpy as np

    from vita.core.contract import Track
    from vita.data.ytvis import Split


def train(
    config: Annotated[Path, typer.Option("--config", help="The run's config.yaml; training writes beside it.")],
    weights: Annotated[Path | None, typer.Option(help="Start from these weights instead of the config's.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key, such as train.learning_rate=0.0005; needs --out."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Train in this folder, which gets a config.yaml of its own, not beside the config."),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(min=1, help="A trial: end after so many steps of the schedule, with results in trial/."),
    ] = None,
    watch: Annotated[
        str, typer.Option(help=f"Who is shown the training: tensorboard, wandb, trackio, with commas; or {NOBODY}.")
    ] = "tensorboard",
    die_with_parent: Annotated[bool, typer.Option("--die-with-parent", help="End with the calling process.")] = False,
    gpus: Gpus = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="That train together on this machine, at most one a card. Left out: one a card."),
    ] = None,
) -> None:
    """Train one run, or go on where it was interrupted."""
    from vita.engine.interruption import die_with_parent as watch_parent
    from vita.engine.interruption import raised

    with raised():
        if die_with_parent:
            watch_parent()  # before the slow imports, during which the parent may die too
        from vita.engine.cards import own_cards
        from vita.engine.changed_config import changed_run, write_beside

        run = changed_run(config, change or [])
        if not run.is_trained:
            raise UserError(f"{config}: this run's weights come from a file; `vita convert run` writes them")
        if change and out is None:
            raise UserError("--set makes another run of it: give its folder with --out")
        folder = config.parent if out is None else write_beside(run, out)
        quiet_libraries()
        start = weights or (Path(run.start_from) if run.start_from else None)
        with own_cards(gpus):
            from vita.blocks.cpu_form import adopt_cpu_form
            from vita.engine.host_memory import keep_freed_memory
            from vita.engine.processes import check_launcher
            from vita.engine.train import train as train_run
            from vita.engine.watching.watching import Watch

            keep_freed_memory()
            check_launcher(os.environ)
            count = min(processes or gpus or 1, gpus or sys.maxsize)
            if count == 1:
                names = () if watch == NOBODY else tuple(name.strip() for name in watch.split(","))
                train_run(run, folder, start, adopt_cpu_form, Watch(names, _draw), max_steps)
                return
            from vita.engine.launch import train_together

            given = {"--config": folder / "config.yaml", "--weights": start, "--max-steps": max_steps, "--watch": watch}
            words = [word for key, value in given.items() if value is not None for word in (key, str(value))]
            train_together(run, folder, count, [sys.executable, "-m", "vita", "train", "--die-with-parent", *words])


def _draw(split: Split, tracks: Sequence[Track]) -> np.ndarray:
    from vita.demo.beside import draw_validation  # and with it libraries of pictures, where there is something to draw

    return draw_validation(split, tracks)
