"""Cards of its own for every job on a machine that no scheduler shares out.

A claim is a locked file, named after the card, which the system lets go when the process ends, however it ends.
"""

from __future__ import annotations

import getpass
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vita.core.contract import UserError
from vita.core.environment import environment
from vita.core.locks import try_lock
from vita.core.scheduler import job_number

VISIBLE = "CUDA_VISIBLE_DEVICES"


def installed_cards() -> list[str]:
    """UUIDs of the machine's cards, in the driver's order; none where there is no driver."""
    import pynvml  # noqa: PLC0415 - asks for a driver that most machines lack

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        found = [pynvml.nvmlDeviceGetUUID(handle) for handle in handles]
    finally:
        pynvml.nvmlShutdown()
    return [card.decode() if isinstance(card, bytes) else card for card in found]


def driver_error() -> str | None:
    """Why the machine's driver of cards cannot be asked; None where it can. Takes no time and no PyTorch."""
    import pynvml  # noqa: PLC0415 - asks for a driver that most machines lack

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return str(error)
    pynvml.nvmlShutdown()
    return None


def visible_cards(installed: Sequence[str], chosen: str | None) -> list[str]:
    """Those of the installed cards that CUDA_VISIBLE_DEVICES leaves, in its order; None: all.

    chosen: numbers in the driver's order, UUIDs or how they begin, and names of parts of cards (MIG), which stand for
    themselves. As for CUDA, what follows a name that no card has is not seen.
    """
    if chosen is None:
        return list(installed)
    found: list[str] = []
    for name in (part.strip() for part in chosen.split(",")):
        if name.isdigit() and int(name) < len(installed):
            found.append(installed[int(name)])
        elif name.startswith("MIG-"):
            found.append(name)
        elif name and len(same := [card for card in installed if card.startswith(name)]) == 1:
            found += same
        else:
            break
    return list(dict.fromkeys(found))


def visible_here() -> list[str]:
    """Cards that a job of this process may take."""
    chosen = os.environ.get(VISIBLE)
    return [] if chosen == "" else visible_cards(installed_cards(), chosen)


@contextmanager
def own_cards(
    count: int | None, cards: Sequence[str] | None = None, folder: Path | None = None, patience_s: float = 15.0
) -> Iterator[list[str]]:
    """Inside, this process and those that it starts see `count` cards, which no other job takes; their UUIDs.

    None leaves everything as it is, as does a machine without cards and a job of a scheduler, which has shared them
    out. 0 hides all cards. cards: that may be taken, those of this machine where none are given. folder: of the claims.
    Raises UserError where fewer are visible, or still free after a while.
    """
    if count is None or (count and job_number() is not None):
        yield []
        return
    seen = (visible_here() if cards is None else list(cards)) if count else []
    if count and not seen:
        yield []
        return
    if len(seen) < count:
        raise UserError(f"--gpus {count}: this machine shows {len(seen)}; ask for fewer, or see {VISIBLE}")
    with ExitStack() as claims:
        taken = _claim(count, seen, folder or claims_folder(), patience_s, claims)
        claims.enter_context(environment(VISIBLE, ",".join(taken)))
        yield taken


def claims_folder() -> Path:
    """Where this user's claims on this machine lie."""
    return Path(tempfile.gettempdir()) / f"vita-bench-cards-{getpass.getuser()}"


def _claim(count: int, cards: Sequence[str], folder: Path, patience_s: float, claims: ExitStack) -> list[str]:
    """The first free cards, claimed until `claims` are closed. Jobs that just ended need a moment to let go."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    while True:
        taken: list[str] = []
        with ExitStack() as trial:
            for card in cards:
                if len(taken) < count and _lock(folder / f"{card.replace('/', '_')}.lock", trial):
                    taken.append(card)
            if len(taken) == count:
                claims.push(trial.pop_all())
                return taken
        if time.monotonic() > deadline:
            raise UserError(
                f"--gpus {count}: {len(taken)} of {len(cards)} cards are free; the others are taken by other jobs "
                f"(claims in {folder}). Wait for them, or name free cards in {VISIBLE}"
            )
        time.sleep(random.uniform(0.1, 0.3))  # two jobs that took half of the cards each do not meet again


def _lock(path: Path, stack: ExitStack) -> bool:
    """Whether the file could be locked, until the stack is closed."""
    with ExitStack() as opened:
        handle = opened.enter_context(path.open("a", encoding="utf-8"))
        if not try_lock(handle, elsewhere="let TMPDIR name a local folder"):
            return False
        stack.push(opened.pop_all())
    return True
