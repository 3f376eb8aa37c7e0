"""Whether the package `vita` that a program would import here is vita-bench's."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

OURS = Path(__file__).resolve().parents[1] / "vita"


def check_vita() -> None:
    """Raises ImportError with one line where `vita` is another package, such as that of an official repository."""
    spec = find_spec("vita")
    found = None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent
    if found != OURS:
        there = "no package" if found is None else f"the one in {found}"
        raise ImportError(
            f"the architectures of vita-bench need its package `vita`, in {OURS}, but `vita` is {there} here; start "
            "the program in another folder than that repository's, with nothing of it in PYTHONPATH"
        )
