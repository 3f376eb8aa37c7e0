"""Ways to spoil a document of JSON, drawn by hypothesis or by a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
EXTREMES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 10**9, -(10**9), 2**31, 2**63, 10**30, 0.5, 1e300, float("nan"), float("inf")),
    *("", "x", "1", "\ud800", "a\0b", "../../x.jpg", "/etc/passwd", "..\\x", "video_00000/00000.jpg", "é" * 5000),
    *([], {}, [[]], [{}], [None], [None] * 3, [1, 2, 3], {"size": [32, 48]}, {"id": 1}, DEEP),
    *([[1e9] * 6], [[float("nan")] * 6], [["a"] * 6], [[0, 0, 9, 0, 9, 9]], [[0, 0, 9, 0, 9, 9], [1]], [[[0] * 6]]),
    *(
        {"size": [32, 48], "counts": bad}
        for bad in ("", "0", "o" * 40, "~", "é", [], [1536], [-1, 1537], [2**40], 5, None)
    ),
    *({"size": bad, "counts": "PX1"} for bad in (None, 5, "32", [32], [32, 48, 1], [32.0, 48.0], [10**9, 10**9], {})),
]


Choose = Callable[[Sequence[Any]], Any]  # one of them


@st.composite
def spoilt(draw: st.DrawFn, document: Any) -> Any:
    """A copy with one to three places deleted, repeated, exchanged or replaced."""
    return spoilt_by(lambda options: draw(st.sampled_from(options)), document)


def spoilt_by(choose: Choose, document: Any, values: Sequence[Any] = EXTREMES) -> Any:
    """As `spoilt`, by any way to choose; `values` are put in the places of others."""
    changed = copy.deepcopy(document)
    for _ in range(choose(range(1, 4))):
        container, key = _walk(changed, choose)
        match choose(("delete", "replace", "replace", "repeat", "exchange")):
            case "delete" if container:
                del container[key]
            case "replace" if container:
                container[key] = copy.deepcopy(choose(values))
            case "repeat" if isinstance(container, list) and container:
                container.append(copy.deepcopy(container[key]))
            case "exchange" if container:
                other, place = _walk(changed, choose)
                if other:
                    container[key] = copy.deepcopy(other[place])
    return changed


def _walk(value: Any, choose: Choose) -> tuple[Any, Any]:
    """A container anywhere in the document, and one of its keys; the document itself may be empty by now."""
    container, key = value, None
    while isinstance(value, dict | list) and value:
        container = value
        key = choose(sorted(value, key=str) if isinstance(value, dict) else range(len(value)))
        value = container[key]
        if choose(range(4)) == 0:
            break
    return container, key


WORDS = (b"9", b"-", b"e9", b"null", b"[", b"]", b"{", b'"', b"1e999", b"0")


def damaged(content: bytes, rng: random.Random, words: Sequence[bytes] = WORDS) -> bytes:
    """A copy with up to four places overwritten, by bytes or words, cut out, doubled, or the end missing."""
    spoilt_bytes = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(spoilt_bytes) + 1)
        stop = min(len(spoilt_bytes), start + rng.choice((1, 1, 2, 8, 60)))
        match rng.randrange(5):
            case 0:
                spoilt_bytes[start:stop] = rng.randbytes(stop - start)
            case 1:
                del spoilt_bytes[start:stop]
            case 2:
                spoilt_bytes[start:start] = spoilt_bytes[start:stop]
            case 3:
                spoilt_bytes[start:stop] = rng.choice(words)
            case _ if rng.random() < 0.2:
                del spoilt_bytes[start:]
    return bytes(spoilt_bytes)
