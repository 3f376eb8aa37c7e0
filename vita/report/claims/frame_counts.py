"""How many frames fit, of claims: what probes measured, or the range that they predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vita.experiments.sections import Key
from vita.report.claims.measurement import Measurement, range_of_counts
from vita.report.claims.rows import CannotTellError, named
from vita.report.claims.schema import Frames
from vita.report.probe_records import ProbeRecord, find_probe

Range = tuple[float, float, float]  # value, low, high
MEASURED = "measured by the memory probe"
PREDICTED = "predicted from shapes, not measured: from 2 GiB of the card taken by other things to none"


def frames_that_fit(probes: Sequence[ProbeRecord], quantity: Frames) -> Measurement:
    """Frames, or their ratio. Raises CannotTellError where no probe asked the paper's question."""
    ours = _probe(probes, quantity.row)
    if quantity.over is None:
        return _measurement(_range(ours), [ours])
    theirs = _probe(probes, quantity.over)
    found = _measurement(_ratio(ours, theirs), [ours, theirs])
    counts = " and ".join(f"{_range(probe)[0]:g}" for probe in (ours, theirs))
    return replace(found, basis=f"{found.basis}; {counts} frames")


def _probe(probes: Sequence[ProbeRecord], key: Key) -> ProbeRecord:
    found = find_probe(probes, key)
    if found is None:
        raise CannotTellError("not run", f"no probe of {named(key)} with 12 GiB; results/table4.csv makes them")
    if 0 in _range(found):
        raise CannotTellError("inconclusive", f"{named(key)}: not one frame fits into the smaller memory")
    return found


def _range(probe: ProbeRecord) -> Range:
    """Trials around the edge may disagree; a prediction does not know what else is on the card."""
    if probe.measured is not None:
        low, high = sorted(probe.content["band"])
        return probe.measured, low, high
    low, high = probe.predicted
    return high, low, high


def _ratio(ours: ProbeRecord, theirs: ProbeRecord) -> Range:
    """Two predictions are for the same card, whatever is on it: their ends are compared with each other."""
    (value, low, high), (by_value, by_low, by_high) = _range(ours), _range(theirs)
    both_predicted = ours.measured is None and theirs.measured is None
    ends = sorted((low / by_low, high / by_high) if both_predicted else (low / by_high, high / by_low))
    return value / by_value, ends[0], ends[1]


def _measurement(found: Range, probes: Sequence[ProbeRecord]) -> Measurement:
    measured = all(probe.measured is not None for probe in probes)
    evidence = tuple(probe.path.as_posix() for probe in probes)
    return replace(range_of_counts(*found, MEASURED if measured else PREDICTED), evidence=evidence)
