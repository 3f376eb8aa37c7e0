"""A guess at why ids of predictions are not those of the ground truth: they are often counted from another number."""

from __future__ import annotations

from collections.abc import Collection


def shift_that_fits(used: Collection[int], known: Collection[int]) -> int | None:
    """What has to be added to all ids that are used so that each is known; None when nothing does, or nothing has to.

    Tried are one more and one less and, of two ids or more, what lays the lowest or the highest ones on each other.
    """
    if not used or not known:
        return None
    ends = (min(known) - min(used), max(known) - max(used)) if len(set(used)) > 1 else ()
    shifts = (1, -1, *ends)
    return next((shift for shift in shifts if shift and all(key + shift in known for key in used)), None)


def shift_in_words(shift: int) -> str:
    """For messages, without a full stop."""
    return f"all would be known if each id were {abs(shift)} {'more' if shift > 0 else 'less'}"
