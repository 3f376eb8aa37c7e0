"""`vita convert`: between the official implementations' files and ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

convert = typer.Typer(help="Official files to ours.", no_args_is_help=True)


@convert.command("config")
def convert_config(
    source: Annotated[Path, typer.Argument(metavar="YAML", help="A model's file; what it inherits is read along.")],
    out: Annotated[Path, typer.Option(help="Folder for config.yaml, inference.yaml and official_keys.csv.")],
) -> None:
    """Write our run and inference configuration, and name every key that has no counterpart."""
    from vita.convert_config import convert_config as convert_file

    converted = convert_file(source, out)
    converted.write(out, source.name)
    typer.echo(converted.summary())
