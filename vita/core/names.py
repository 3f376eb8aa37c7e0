"""Names that people choose in YAML files: they become folders, files, cells of tables and words of a command line."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

LONGEST = 100  # characters; a file's name has 255, and some of ours hold a name and more
NAME_PATTERN = f"^[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{LONGEST - 1}}}$"
RULE = (
    "a name has letters (a to z, A to Z), digits, '_', '-' and '.', begins with a letter, a digit or '_', "
    f"and has at most {LONGEST} characters"
)


def is_name(text: str) -> bool:
    """Whether a text may be a name: one part of a path, never hidden, and nothing to a shell or a pattern."""
    return re.fullmatch(NAME_PATTERN[1:-1], text) is not None


def check_name(text: str) -> str:
    """`text`. Raises an error of a pydantic validator where it may be no name."""
    if not is_name(text):
        raise PydanticCustomError("name", "{rule}", {"rule": RULE})
    return text


# A value, or a key of a mapping, in a configuration section.
Name = Annotated[str, AfterValidator(check_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
