"""Input number k of a target: it depends on the seed of the campaign and on k alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from fuzz_target import Seed, Target
from mutations import EXTREMES, damaged, spoilt_by

LARGEST = 2**20  # bytes of an input
MOST_REPEATS = 3000
AS_DRAWN = 0.3  # of files that are drawn anew


def fuzzed(target: Target, seeds: Sequence[Seed], campaign: int, number: int) -> Seed:
    """A sound file, changed as a document, as bytes, or as both."""
    rng = random.Random(f"{target.name} {campaign} {number}")
    seed = target.drawn(rng) if target.drawn else rng.choice(seeds)
    content, kind = seed.content, rng.random()
    if target.drawn and rng.random() < AS_DRAWN:
        return seed
    if target.parse is not None and kind < 0.6:
        document = spoilt_by(rng.choice, target.parse(content), _values(rng))
        content = json.dumps(document, default=str).encode(errors="surrogatepass")
    if target.parse is None or kind > 0.5:
        content = _bytes(content, rng, target, seeds)
    return Seed(seed.name, content[:LARGEST])


def _values(rng: random.Random) -> list[object]:
    """What replaces a value: usual extremes, and numbers of any size."""
    size = 10 ** rng.randint(0, 12)
    near = [rng.randint(-3, 64), rng.randint(-size, size), rng.uniform(-size, size), str(rng.randint(-9, size))]
    return [*EXTREMES, *near * 6]


def _bytes(content: bytes, rng: random.Random, target: Target, seeds: Sequence[Seed]) -> bytes:
    match rng.randrange(8):
        case 0:
            return _bits(content, rng)
        case 1:
            return _spliced(content, rng.choice(seeds).content, rng)
        case 2:
            return _repeated(content, rng)
        case _:
            return damaged(content, rng, target.words)


def _bits(content: bytes, rng: random.Random) -> bytes:
    """With one to eight bits turned over."""
    turned = bytearray(content)
    for _ in range(rng.randint(1, 8) if content else 0):
        turned[rng.randrange(len(turned))] ^= 1 << rng.randrange(8)
    return bytes(turned)


def _spliced(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """The beginning of one and the end of another."""
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def _repeated(content: bytes, rng: random.Random) -> bytes:
    """A part of up to 64 bytes many times over."""
    start = rng.randrange(len(content) + 1)
    stop = start + rng.choice((1, 1, 2, 5, 16, 64))
    return content[:start] + content[start:stop] * rng.randint(2, MOST_REPEATS) + content[stop:]
