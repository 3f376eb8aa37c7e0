"""The options that choose a tier."""

from __future__ import annotations

from typing import Annotated

import typer

Tier = Annotated[
    str, typer.Option("--tier", help="A tier that comes with the workflow, or the path of a tier's YAML file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the tier, as seeds=3 or schedules.clips.iterations=100; may be repeated. It makes a tier of "
        "its own, whose results lie apart.",
    ),
]
