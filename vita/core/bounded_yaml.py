"""YAML of people's files as a tree: what would break a reader of trees is refused with its line."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode

DEEPEST = 100  # mappings and lists inside each other
LARGEST = 1_000_000  # values, where an alias counts as all that it stands for


class _TreeLoader(yaml.SafeLoader):
    """As SafeLoader; its documents are trees of a bounded size, and their texts are text."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._open: list[str | None] = []  # anchors of the nodes that surround the place that is read
        self._sizes: dict[str, int] = {}  # values by anchor
        self._read = 0  # values so far

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Raises ComposerError on a value that holds itself, and on a document too deep or too large."""
        event = self.peek_event()
        mark, anchor, before = event.start_mark, getattr(event, "anchor", None), self._read
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias and anchor in self._open:
            raise ComposerError(None, None, f"'*{anchor}' stands inside itself", mark)
        if len(self._open) > DEEPEST:
            raise ComposerError(None, None, f"more than {DEEPEST} mappings and lists inside each other", mark)
        self._open.append(anchor)
        node: Node | None = super().compose_node(parent, index)
        self._open.pop()
        self._read += self._sizes.get(str(anchor), 0) if is_alias else 1
        if anchor is not None and not is_alias:
            self._sizes[anchor] = self._read - before
        if self._read > LARGEST:
            raise ComposerError(None, None, f"more than {LARGEST} values, those that aliases repeat included", mark)
        return node

    def construct_scalar(self, node: ScalarNode | MappingNode) -> Any:
        """Raises ConstructorError on half a character, which no file can be written with."""
        value = super().construct_scalar(node)
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            raise yaml.constructor.ConstructorError(None, None, f"{value!r} is no text", node.start_mark)
        return value


def load_yaml(text: str) -> Any:
    """The one document of a text, by safe types alone. Raises ValueError, saying where, on what is none."""
    try:
        return yaml.load(text, _TreeLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).replace('in "<unicode string>", ', "at ").split())) from None
    except (AttributeError, LookupError, TypeError) as error:  # a tag that its value does not fit, such as `!!bool x`
        raise ValueError(f"a value is not of the type of its tag ({type(error).__name__}: {error})") from None
