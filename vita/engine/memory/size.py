"""A size of memory as people write it. Without torch, so that files can be checked where they are read."""

from __future__ import annotations

import re

from vita.core.contract import UserError

WHOLE_CARD = "card"
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
MOST = 2**60  # bytes; a limit of address space has 63 bits


def read_size(text: str, where: str) -> int | None:
    """Bytes of a size such as 512MiB or 1.5GiB (B, KiB, MiB, GiB); None for "card", all of a card.

    Raises UserError, which begins with `where` and the text, on anything else, a number without its unit included.
    """
    if text == WHOLE_CARD:
        return None
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,15})?) ?(B|KiB|MiB|GiB|)", text)
    if not found:
        raise UserError(f"{where} {text}: not a size; write 1GiB, 512MiB, or card for all of a card")
    number, unit = found.groups()
    if not unit:
        raise UserError(f"{where} {text}: {number} is {number} bytes; write {number}GiB or {number}MiB")
    size = int(float(number) * UNITS[unit])
    if not 0 < size < MOST:
        raise UserError(f"{where} {text}: must be above zero{'' if size <= 0 else ', and what a machine can have'}")
    return size
