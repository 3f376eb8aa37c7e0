"""Files that are one JSON list: results of predictions, written an entry at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from vita.core.files import atomic_write

MASKS_AT_ONCE = 1000  # of a track that is read from a file


def entry_text(entry: dict[str, Any]) -> Iterator[str]:
    """An entry as JSON; masks that lie outside memory are read and written a few at a time."""
    segmentations = entry.get("segmentations")
    if segmentations is None or isinstance(segmentations, list):
        yield _compact(entry)
        return
    others = {key: value for key, value in entry.items() if key != "segmentations"}
    yield f'{_compact(others)[:-1]},"segmentations":['
    masks, before = iter(segmentations), ""
    while some := list(islice(masks, MASKS_AT_ONCE)):
        yield f"{before}{_compact(some)[1:-1]}"
        before = ","
    yield "]}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))  # dumps, not dump: only a whole text is encoded by compiled code


@contextmanager
def json_list(path: Path) -> Iterator[Callable[[Iterable[dict[str, Any]]], None]]:
    """Yield a function that writes the next entries of a JSON list; the file appears when the list is complete."""
    before = "["

    def extend(entries: Iterable[dict[str, Any]]) -> None:
        nonlocal before
        for entry in entries:
            handle.write(f"{before}\n")
            handle.writelines(entry_text(entry))
            before = ","

    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as handle:
        yield extend
        handle.write("[]\n" if before == "[" else "\n]\n")
