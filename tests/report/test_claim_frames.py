"""Claims about frames that fit, on records of probes written by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from claim_results import claim, results
from probe_scenes import measured, write_probe

from vita.report.claims.ledger import Entry, judge
from vita.report.claims.schema import read_claims
from vita.report.runs.probe_records import read_probes

VITA, IFC = {"method": "VITA"}, {"method": "IFC"}
BECAUSE = "a reason of twenty characters"
READ = read_claims()


def about(value: float, tolerance: float) -> dict[str, Any]:
    return {"kind": "about", "value": value, "tolerance": tolerance}


@pytest.fixture
def held(tmp_path: Path) -> Any:
    """A function that holds a claim about VITA (over IFC) against records of (low, predicted, measured)."""

    def hold_it(predicate: dict[str, Any], vita: Any = None, ifc: Any = None) -> Entry:
        found = []
        for key, told in ((VITA, vita), (IFC, ifc)):
            if told:
                more = measured(*told[2:]) if told[2:] else {}
                found.append(write_probe(tmp_path / f"{key['method']}.json", key, *told[:2], **more))
        quantity = {"kind": "frames", "row": VITA} | ({"over": IFC} if ifc else {})
        force = results()
        asked = claim(quantity, {"because": BECAUSE, **predicate} if "tolerance" in predicate else predicate)
        return judge("it", asked, type(force)(force.tables, force.models, force.models_file, read_probes(found)))

    return hold_it


def test_without_a_probe(held: Any) -> None:
    entry = held(about(1392, 70))
    assert (entry.verdict, entry.reason) == (
        "not run",
        "no probe of (method VITA) with 12 GiB; results/table4.csv makes them",
    )


def test_a_prediction_is_a_range(held: Any) -> None:
    """From 1500 to 1800, however much of the card is taken: nobody knows whether it would be 1392 plus or minus 200."""
    entry = held(about(1392, 200), (1500, 1800))
    assert (entry.verdict, entry.shown.value, entry.shown.low, entry.shown.high) == ("predicted", 1800, 1500, 1800)
    assert "predicted from shapes, not measured" in entry.reason


@pytest.mark.parametrize(
    ("predicate", "lies"),
    [
        (about(1392, 200), "spans a threshold"),
        (about(1392, 70), "lies wholly outside what the claim says"),
        ({"kind": "above", "value": 1400}, "lies wholly inside what the claim says"),
    ],
)
def test_a_prediction_decides_nothing_wherever_it_lies(held: Any, predicate: dict[str, Any], lies: str) -> None:
    entry = held(predicate, (1500, 1800))
    assert (entry.verdict, entry.reason.endswith(f"; the prediction {lies}")) == ("predicted", True)


@pytest.mark.parametrize(("frames", "verdict"), [(1865, "reproduced"), (1330, "reproduced"), (1300, "not reproduced")])
def test_more_frames_than_claimed_are_the_claim(held: Any, frames: int, verdict: str) -> None:
    """1392 less 5 %, or any number above."""
    least = {"kind": "at least", "value": 1392, "tolerance": 70, "because": BECAUSE}
    assert held(least, (1500, 1800, frames)).verdict == verdict
    assert READ["frames_1392"].predicate.bounds == (1392 - 70, math.inf)


def test_a_measurement_has_the_band_of_its_trials(held: Any) -> None:
    entry = held(about(1392, 70), (1500, 1800, 1400, (1390, 1400)))
    assert (entry.verdict, entry.shown.low, entry.shown.high) == ("reproduced", 1390, 1400)
    assert entry.reason.startswith("360 x 640: 1400 frames, measured by the memory probe")
    assert held(about(1392, 5), (1500, 1800, 1400, (1390, 1400))).verdict == "inconclusive"


def test_ratios_of_predictions_are_for_the_same_card(held: Any) -> None:
    """1500 / 150 = 10 and 1800 / 164 = 10.98, though 1800 / 150 would be 12."""
    entry = held(about(11, 1), (1500, 1800), (150, 164))
    assert entry.shown.value == pytest.approx(1800 / 164)
    assert (entry.shown.low, entry.shown.high) == (10, pytest.approx(10.975, abs=1e-3))
    assert entry.reason.startswith("360 x 640: 1800 and 164 frames, predicted")
    assert entry.verdict == "predicted"
    assert len(entry.evidence) == 2


def test_ratio_of_a_measurement_and_a_prediction(held: Any) -> None:
    """At least 1400 / 164, at most 1400 / 150; half a prediction is one."""
    entry = held(about(9, 1), (1500, 1800, 1400), (150, 164))
    assert entry.verdict == "predicted"
    assert (entry.shown.low, entry.shown.high) == (pytest.approx(1400 / 164), pytest.approx(1400 / 150))
    assert "predicted from shapes" in entry.reason


def test_nothing_fits(held: Any) -> None:
    entry = held(about(11, 1), (1500, 1800), (0, 3))
    assert (entry.verdict, entry.reason) == (
        "predicted",
        "(method IFC, resolution 360 x 640): not one frame fits into the smaller memory",
    )


def test_all_resolutions_count_where_the_claim_names_none(held: Any, tmp_path: Path) -> None:
    """1800 / 450 = 4 at one size, 1800 / 90 = 20 at the other: neither is 11, but a size between may be."""
    sizes = {"360 x 640": ((1500, 1800), (300, 450)), "720 x 1280": ((1500, 1800), (60, 90))}
    found = [
        write_probe(tmp_path / f"{size} {key['method']}.json", key, *told, case=case_of(size))
        for size, both in sizes.items()
        for key, told in zip((VITA, IFC), both, strict=True)
    ]
    force = results()
    force = type(force)(force.tables, force.models, force.models_file, read_probes(found))
    ratio, inside = {"kind": "frames", "row": VITA, "over": IFC}, "lies wholly inside what the claim says"
    entry = judge("it", claim(ratio, {**about(11, 1), "because": BECAUSE}), force)
    assert (entry.verdict, entry.shown.value, entry.shown.low, entry.shown.high) == ("predicted", 4, 4, 25)
    assert entry.reason.startswith("360 x 640: 1800 and 450 frames")
    assert "720 x 1280: 1800 and 90 frames" in entry.reason
    assert len(entry.evidence) == 4
    assert entry.reason.endswith("the prediction spans a threshold")
    assert inside in judge("it", claim(ratio, {"kind": "above", "value": 1}), force).reason
    large = {"resolution": "720 x 1280"}
    at_one = {"kind": "frames", "row": VITA | large, "over": IFC | large}
    assert inside in judge("it", claim(at_one, {"kind": "above", "value": 19}), force).reason


def case_of(size: str) -> dict[str, int]:
    height, width = map(int, size.split(" x "))
    return {"height": height, "width": width}
