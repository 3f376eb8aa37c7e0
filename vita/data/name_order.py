"""The order in which people number files."""

from __future__ import annotations

import re


def natural_key(name: str) -> list[tuple[int, str]]:
    """A key that orders numbers in names by value: 2.jpg before 10.jpg."""
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if odd % 2 else (0, part) for odd, part in enumerate(parts)]
