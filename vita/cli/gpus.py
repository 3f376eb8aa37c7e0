"""The option by which a job asks for cards of its own."""

from __future__ import annotations

from typing import Annotated

import typer

Gpus = Annotated[
    int | None,
    typer.Option(min=0, help="Cards that no other job here takes; 0 hides all. Left out: as PyTorch sees them."),
]
