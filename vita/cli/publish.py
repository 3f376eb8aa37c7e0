"""`vita publish`. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="Folder to write, which must not be there.")],
    name: Annotated[str, typer.Option(help="Of the model, as its card and the hub call it.")],
    table: Annotated[
        list[Path] | None, typer.Option(help="CSV of a table that shows the run; may be repeated.")
    ] = None,
    inference: Annotated[str, typer.Option(help="Variant whose scores the metadata have.")] = "intact",
    licence: Annotated[str | None, typer.Option("--license", help="Of the weights, as the hub calls it.")] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="OWNER/NAME of a benchmark on the hub, for .eval_results/; its metric is AP.")
    ] = None,
    benchmark_task: Annotated[str, typer.Option(help="Of that benchmark.")] = "default",
    source_url: Annotated[str | None, typer.Option(help="Where the results are documented.")] = None,
) -> None:
    """Write a folder for a model hub: weights, model card, scores and where they come from. Nothing is uploaded."""
    from vita.report.publish.card import CardWords
    from vita.report.publish.publish import publish as write_folder

    words = CardWords(name, inference, licence, benchmark, benchmark_task, source_url)
    typer.echo(write_folder(run, out, words, table or []))
