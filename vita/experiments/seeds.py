"""The seeds of a tier's runs, as its file gives them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt


def _counted(given: Any) -> Any:
    return tuple(range(given)) if isinstance(given, int) and not isinstance(given, bool) else given


SeedList = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
# A list, or its length: 3 stands for 0, 1 and 2.
Seeds = Annotated[SeedList, BeforeValidator(_counted, json_schema_input_type=PositiveInt | SeedList)]
