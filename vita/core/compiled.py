"""Loops that are compiled when they first run, and kept compiled between runs where there is a place for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(
    nogil: bool = False, contract: bool = False, reassociate: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator. nogil: other threads go on meanwhile. contract: products and sums may be rounded once together.
    reassociate: sums may be taken in another order, which is the same in every run.

    Numba keeps machine code beside the source or below the home folder. Where neither can be written, as in a package
    of an administrator used by an account without a home, every process compiles anew, which takes seconds.
    """
    freedoms = {name for name, asked in (("contract", contract), ("reassoc", reassociate)) if asked}
    options: dict[str, Any] = {"nogil": nogil, "fastmath": freedoms or False}

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator" not in str(error):
                raise
            return numba.njit(**options)(function)

    return decorate
