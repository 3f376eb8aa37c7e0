"""`vita convert`: between the official implementations' files and ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vita.cli.command import Commands

convert = Commands(help="Official files to ours, weights also back.", no_args_is_help=True)


@convert.command("config")
def convert_config(
    source: Annotated[Path, typer.Argument(metavar="YAML", help="A model's file; what it inherits is read along.")],
    out: Annotated[Path, typer.Option(help="Folder for config.yaml, inference.yaml and official_keys.csv.")],
    datasets: Annotated[
        Path | None, typer.Option(help="Folder of data-set files.  [default: the workflow's own]")
    ] = None,
) -> None:
    """Write our run and inference configuration, and name every key that has no counterpart."""
    from vita.experiments.library import library_folder
    from vita.official.configs.convert import convert_config as convert_file

    converted = convert_file(source, out, datasets or library_folder() / "datasets")
    converted.write(out, source.name)
    typer.echo(converted.summary())


@convert.command("run")
def convert_run(
    config: Annotated[Path, typer.Option("--config", help="The run's config.yaml; its weights appear beside it.")],
) -> None:
    """Write a run's weights from the file of others that its configuration names, with their record."""
    from vita.core.config_base import load
    from vita.core.run_config import RunConfig
    from vita.official.checkpoints.run_weights import convert_run as convert_for_run

    quiet_libraries()
    typer.echo(convert_for_run(load(RunConfig, config), config.parent))


@convert.command("weights")
def convert_weights(
    source: Annotated[Path, typer.Argument(help=".pth, .pkl, .safetensors, or a folder that transformers saved.")],
    out: Annotated[Path, typer.Option(help="File to write: .safetensors, with --to official .pth.")],
    method: Annotated[str | None, typer.Option(help="Name of an installed method.")] = None,
    options: Annotated[
        Path | None, typer.Option(help="YAML of the method's options; default: from the shapes.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A run's config.yaml, for its method and options.")] = None,
    num_classes: Annotated[int | None, typer.Option(min=1, help="Expected classes; default: the file's.")] = None,
    new_heads: Annotated[bool, typer.Option("--new-heads", help="Start class heads anew.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of --new-heads.")] = 0,
    holds: Annotated[
        Literal["backbone", "image", "video"] | None,
        typer.Option(help="What the file must hold; default: what is found."),
    ] = None,
    pick: Annotated[str | None, typer.Option(help="Which weights, where the file holds several.")] = None,
    to: Annotated[Literal["ours", "official"], typer.Option(help="Direction.")] = "ours",
) -> None:
    """Convert weights under the other side's names; what does not fit is listed, and nothing is written."""
    from vita.core.contract import UserError
    from vita.official.checkpoints.convert import convert_weights as convert_file
    from vita.official.checkpoints.convert import read_method
    from vita.official.checkpoints.published import Request

    if to == "official" and (new_heads or num_classes is not None):
        raise UserError("--num-classes and --new-heads are of the way to ours; leave them out with --to official")
    if to == "official" and holds is not None:
        raise UserError("--holds is of the way to ours; leave it out with --to official")
    quiet_libraries()
    name, given = read_method(method, options, config)
    request = Request(name, given, holds, num_classes, seed if new_heads else None, pick)
    typer.echo(convert_file(source, out, to, request))


def quiet_libraries() -> None:
    """The library warns of every backbone but Swin; ours are held against recorded outputs instead.

    With --verbose it may tell what it will.
    """
    from vita.core.progress import is_verbose

    if is_verbose():
        return
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
