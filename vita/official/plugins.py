"""Released implementations are found as methods are: through the entry-point groups named here."""

from __future__ import annotations

from vita.core.plugins import find, installed
from vita.official.contract import RecordedOutputs, ReferenceAdapter

OFFICIAL = "vita.official"
CONFORMANCE = "vita.conformance"


def has_official(method: str) -> bool:
    """Whether names and configuration keys of a released implementation are known for a method."""
    return method in installed(OFFICIAL)


def find_official(method: str, where: str = "") -> ReferenceAdapter:
    """The names of a method's released implementation. Raises UserError, which `where` opens, when it has none."""
    official: ReferenceAdapter = find(OFFICIAL, method, "official implementation of the method", where)
    return official


def recorded_outputs() -> dict[str, RecordedOutputs]:
    """By name, the methods that are held against recorded outputs."""
    return {name: find(CONFORMANCE, name) for name in installed(CONFORMANCE)}
