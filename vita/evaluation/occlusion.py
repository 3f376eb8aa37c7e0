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
    labels = labels if isinstance(labels, list) else []
    found = [_LABELS[label] for label in labels if isinstance(label, str) and label in _LABELS]
    if not found:
        return None
    return max(set(found), key=lambda level: (found.count(level), OCCLUSION_LEVELS.index(level)))
