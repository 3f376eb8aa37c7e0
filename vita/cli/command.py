"""What all commands share: -v and --quiet, and a word of what is done where that takes more than a moment."""

from __future__ import annotations

import functools
import inspect
import os
import re
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from vita.core.contract import UserError
from vita.core.environment import environment
from vita.core.progress import QUIET, VERBOSE, VERBOSITY, first_word

PANEL = "Every command"
SHARED: dict[str, Any] = {
    "ctx": typer.Context,
    "verbose": Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Tell times of steps, words of libraries, and where an error arose.",
            rich_help_panel=PANEL,
        ),
    ],
    "quiet": Annotated[
        bool, typer.Option("--quiet", help="Tell nothing but results and errors.", rich_help_panel=PANEL)
    ],
}


class Commands(typer.Typer):
    """A group of commands, each of which takes -v and --quiet besides its own options."""

    def command(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """As Typer's."""
        enter = super().command(*args, **options)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            enter(_with_shared_options(function))
            return function

        return decorate


def _with_shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    purpose = re.split(r"\.\s|\.$", inspect.getdoc(function) or "")[0]

    @functools.wraps(function)
    def command(*args: Any, ctx: typer.Context, verbose: bool, quiet: bool, **options: Any) -> Any:
        if verbose and quiet:
            raise UserError("--quiet and --verbose: give one of them")
        chosen = QUIET if quiet else VERBOSE if verbose else None
        leads = os.environ.get("RANK", "0") == "0"  # of processes that train together, one speaks
        with (
            environment(VERBOSITY, chosen),
            first_word(f"{ctx.command_path}: {purpose} ...") if leads else nullcontext(),
        ):
            try:
                return function(*args, **options)
            except UserError:
                if verbose:
                    traceback.print_exc()
                raise

    own = inspect.signature(function, eval_str=True)
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for (name, annotation), default in zip(SHARED.items(), (inspect.Parameter.empty, False, False), strict=True)
    ]
    command.__signature__ = own.replace(parameters=[*own.parameters.values(), *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {name: one.annotation for name, one in own.parameters.items()} | SHARED
    return command
