"""Ways of inference that work around any method, found through the entry-point group `vita.procedures`.

An inference variant asks for one by the option `through`; its other options are the procedure's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from vita.contract import FrameSource, InferenceProcedure, MethodDefinition, UserError, VideoMethod, VideoPrediction

GROUP = "vita.procedures"
THROUGH = "through"


@dataclass(frozen=True)
class InferencePlan:
    """Variants of a method, by name: its own, and those that go through a procedure."""

    direct: dict[str, Any]
    through: dict[str, dict[str, Any]]

    @property
    def names(self) -> list[str]:
        """Of all variants."""
        return [*self.direct, *(name for variants in self.through.values() for name in variants)]

    def predict(self, method: VideoMethod, frames: FrameSource, top_k: int) -> VideoPrediction:
        """Tracks of one video under every variant."""
        seen = method.predict(frames, self.direct, top_k) if self.direct else VideoPrediction({})
        tracks = dict(seen.tracks)
        for name, variants in self.through.items():
            tracks |= find_procedure(name).predict(method, frames, variants, top_k)
        return VideoPrediction(tracks, seen.frame_detections)


def read_plan(definition: MethodDefinition, variants: Mapping[str, Mapping[str, Any]]) -> InferencePlan:
    """Options of variants, by name. Raises UserError naming an unknown option or procedure."""
    direct: dict[str, Any] = {}
    through: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, options in variants.items():
        own = {key: value for key, value in options.items() if key != THROUGH}
        if THROUGH in options:
            procedure = str(options[THROUGH])
            through[procedure][name] = find_procedure(procedure).read_variant(own, definition)
        else:
            direct[name] = definition.read_variant(own)
    return InferencePlan(direct, dict(through))


def find_procedure(name: str) -> InferenceProcedure:
    """Raises UserError naming those installed."""
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        raise UserError(f"inference option 'through': '{name}' is not installed; allowed: {', '.join(sorted(known))}")
    procedure: InferenceProcedure = known[name].load()
    return procedure
