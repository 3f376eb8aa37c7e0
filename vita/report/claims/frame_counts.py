"""How many frames fit, of claims: what probes measured on a card, or the range that they predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vita.experiments.config import Key
from vita.report.claims.measurement import Measurement
from vita.report.claims.rows import CannotTellError, named
from vita.report.claims.schema import Frames
from vita.report.runs.probe_records import Probe, find_probe

Range = tuple[float, float, float]  # value, low, high
MEASURED = "measured by the memory probe"
PREDICTED = "predicted from shapes, not measured: from 2 GiB of the card taken by other things to none"


def frames_that_fit(probes: Sequence[Probe], quantity: Frames) -> Measurement:
    """Frames, or their ratio: over all resolutions that were probed, where the row does not say which.

    Raises CannotTellError where no probe asked the paper's question.
    """
    rows = [row for row in (quantity.row, quantity.over) if row is not None]
    if "resolution" in quantity.row:
        return _at(probes, rows)
    sizes = dict.fromkeys(probe.resolution for probe in probes)
    sized = [[{**row, "resolution": size} for row in rows] for size in sizes]
    found = [_at(probes, these) for these in sized if all(find_probe(probes, row) for row in these)]
    return _all_of(found) if found else _at(probes, rows)


def _at(probes: Sequence[Probe], rows: Sequence[Key]) -> Measurement:
    """Of one row, or of the first over the second."""
    found = [_probe(probes, row) for row in rows]
    counts = " and ".join(f"{_range(probe)[0]:g}" for probe in found)
    measurement = _measurement(_range(found[0]) if len(found) == 1 else _ratio(*found), found)
    return replace(measurement, basis=f"{found[0].resolution}: {counts} frames, {measurement.basis}")


def _all_of(found: Sequence[Measurement]) -> Measurement:
    """One for several resolutions: the range that holds all of them. Its value is the first one's."""
    low = min(one.low for one in found if one.low is not None)
    high = max(one.high for one in found if one.high is not None)
    basis, predicted = "; ".join(one.basis for one in found), any(one.predicted for one in found)
    evidence = tuple(path for one in found for path in one.evidence)
    return Measurement(found[0].value, low, high, None, basis, predicted=predicted, evidence=evidence)


def _probe(probes: Sequence[Probe], key: Key) -> Probe:
    found = find_probe(probes, key)
    if found is None:
        raise CannotTellError("not run", f"no probe of {named(key)} with 12 GiB; results/table4.csv makes them")
    if 0 in _range(found):
        told = f"{named(key)}: not one frame fits into the smaller memory"
        raise CannotTellError("inconclusive" if found.measured is not None else "predicted", told)
    return found


def _range(probe: Probe) -> Range:
    """Trials around the edge may disagree; a prediction does not know what else is on the card."""
    if probe.measured is not None:
        low, high = sorted(probe.record.band or (probe.measured, probe.measured))
        return probe.measured, low, high
    low, high = probe.predicted
    return high, low, high


def _ratio(ours: Probe, theirs: Probe) -> Range:
    """Two predictions are for the same card, whatever is on it: their ends are compared with each other."""
    (value, low, high), (by_value, by_low, by_high) = _range(ours), _range(theirs)
    both_predicted = ours.measured is None and theirs.measured is None
    ends = sorted((low / by_low, high / by_high) if both_predicted else (low / by_high, high / by_low))
    return value / by_value, ends[0], ends[1]


def _measurement(found: Range, probes: Sequence[Probe]) -> Measurement:
    predicted = any(probe.measured is None for probe in probes)
    evidence = tuple(probe.path.as_posix() for probe in probes)
    return Measurement(*found, None, PREDICTED if predicted else MEASURED, predicted=predicted, evidence=evidence)
