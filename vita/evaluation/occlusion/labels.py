"""How much an object is occluded, from the labels that OVIS gives every object in every frame."""

from __future__ import annotations

from typing import Any, Literal, get_args

OcclusionLevel = Literal["no", "slight", "severe"]
OCCLUSION_LEVELS: tuple[OcclusionLevel, ...] = get_args(OcclusionLevel)

_LABELS = {f"{level}_occlusion": level for level in OCCLUSION_LEVELS}


def occlusion_level(labels: Any) -> OcclusionLevel | None:
    """The level of most of an object's frames, the heavier one of two equal; None without labels such as OVIS has.

    labels: `occlusion` of an annotation, a label a frame, null where the object is not visible.
    """
    found = [level for level in levels_by_frame(labels) if level is not None]
    if not found:
        return None
    return max(set(found), key=lambda level: (found.count(level), OCCLUSION_LEVELS.index(level)))


def levels_by_frame(labels: Any) -> tuple[OcclusionLevel | None, ...]:
    """The level in each frame, None where the object is not visible; empty without any label such as OVIS has."""
    labels = labels if isinstance(labels, list) else []
    found = tuple(_LABELS.get(label) if isinstance(label, str) else None for label in labels)
    return found if any(found) else ()
