"""The seeds of a tier's runs, as its file gives them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt

MOST = 1000


def _counted(given: Any) -> Any:
    if not isinstance(given, int) or isinstance(given, bool):
        return given
    if given > MOST:
        raise ValueError(f"at most {MOST} seeds")
    return tuple(range(given))


Number = Annotated[int, Field(ge=1, le=MOST)]
SeedList = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1, max_length=MOST)]
# A list, or its length: 3 stands for 0, 1 and 2.
Seeds = Annotated[SeedList, BeforeValidator(_counted, json_schema_input_type=Number | SeedList)]
