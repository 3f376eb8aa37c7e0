"""Keys of a configuration that are set on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from vita.core.bounded_yaml import load_yaml
from vita.core.contract import UserError

OPTION = "--set"


def read_settings(words: Sequence[str], example: str) -> dict[str, Any]:
    """Keys and values of `key=value`; `a.b=value` sets a key of a section, and a value is YAML.

    Raises UserError on a word without `=`, told with the example, and on a value that is no YAML.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, given, text = word.partition("=")
        if not given or not all(key.split(".")):
            raise UserError(f"{OPTION} {word}: write key=value, as {example}")
        try:
            value = load_yaml(text)
        except ValueError as error:
            raise UserError(f"{OPTION} {word}: the value is not valid YAML: {error}") from None
        for name in reversed(key.split(".")):
            value = {name: value}
        found = overlay(found, value)
    return found


def overlay(base: Mapping[str, Any], *differences: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with each of the differences laid over it in turn, mapping by mapping. None of them is changed."""
    merged = dict(base)
    for key, value in chain.from_iterable(difference.items() for difference in differences):
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlay(merged[key], value) if both else value
    return merged
