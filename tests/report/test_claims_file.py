"""The claims as written: they speak of rows that there are, and they are what the paper's own numbers say."""

from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import yaml

from vita.core.contract import UserError
from vita.experiments.paper_numbers import PUBLISHED
from vita.experiments.run_table import RunTable
from vita.report.claims.quantities import highest_published
from vita.report.claims.schema import (
    CLAIMS,
    About,
    AtLeast,
    Convergence,
    Differences,
    Frames,
    LeadOverPublished,
    ScoreOfRow,
    Steps,
    read_claims,
)

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
ALL = read_claims()
NOT_PUBLISHED = ("convergence", "parameters", "frames")  # numbers of which the paper has no table


def keys_of(quantity):
    """The cells of every row that a quantity speaks of."""
    match quantity:
        case ScoreOfRow() | LeadOverPublished():
            return [quantity.row]
        case Differences():
            return [quantity.row, *quantity.against]
        case Steps():
            return list(quantity.rows)
        case Convergence():
            return [quantity.row, quantity.against]
        case Frames():
            return [key for key in (quantity.row, quantity.over) if key]
    return []


def test_there_are_enough_claims_of_every_kind():
    assert len(ALL) >= 40
    kinds = {claim.quantity.kind for claim in ALL.values()}
    assert kinds == {"score", "lead", "difference", "steps", *NOT_PUBLISHED}
    assert {claim.scope for claim in ALL.values()} == {"numbers", "trend"}
    assert all(name.replace("_", "").isalnum() and name.islower() for name in ALL)


def test_every_table_and_figure_with_numbers_has_a_claim():
    named = {getattr(claim.quantity, "table", "") for claim in ALL.values()}
    assert named == {*(f"table{number}" for number in (1, 2, 3, 5, 6, 7)), "figure5", ""}
    assert {claim.quantity.kind for claim in ALL.values() if not hasattr(claim.quantity, "table")} == {
        "parameters",
        "frames",
    }


@pytest.mark.parametrize("tier", ["smoke", "mini", "paper"])
def test_every_claim_speaks_of_rows_of_the_tier(tier):
    table = RunTable(LIBRARY / f"{tier}.yaml", LIBRARY)
    specs, looked_for = table.specs, 0
    probed = [
        {"resolution": f"{probe.case.height} x {probe.case.width}", **probe.key}.items()
        for probe in table.probes["table4"]
        if probe.as_paper
    ]
    for name, claim in ALL.items():
        keys = keys_of(claim.quantity)
        if isinstance(claim.quantity, Frames):
            assert all(any(key.items() <= cells for cells in probed) for key in keys), name
            continue
        there = [row.key for row in specs[claim.quantity.table].rows] if keys else []
        assert [key for key in keys if key not in there] == [], name
        looked_for += len(keys)
    assert looked_for > 60


def test_a_trend_is_about_a_sign():
    for name, claim in ALL.items():
        if claim.scope == "trend":
            assert claim.predicate.kind in ("above", "below"), name
            assert claim.predicate.value == 0, name


# Against the paper's own numbers


@pytest.fixture(scope="module")
def paper():
    """A function that gives a published score by table and key."""
    specs = RunTable(LIBRARY / "paper.yaml", LIBRARY).specs

    def score(table, key, name):
        if table == "figure5":  # its text gives one number
            return {"VITA": 1.8, "VITA without similarity loss": 0.0}[key["curve"]]
        lines = pd.read_csv(PUBLISHED / specs[table].published, dtype=str).to_dict("records")
        shared = {column: str(cell) for column, cell in key.items() if column in lines[0]}
        (line,) = [line for line in lines if all(line[column] == cell for column, cell in shared.items())]
        return float(line[name])

    return score


def values(quantity, paper):
    """What the paper's numbers give for every part of a quantity."""
    score = {key: paper(quantity.table, dict(key), quantity.score) for key in map(frozen, keys_of(quantity))}
    match quantity:
        case ScoreOfRow():
            return list(score.values())
        case LeadOverPublished():
            return [score[frozen(quantity.row)] - highest_published(quantity.over, quantity.score)[0]]
        case Steps():
            return [score[frozen(later)] - score[frozen(earlier)] for earlier, later in pairwise(quantity.rows)]
    found = [score[frozen(quantity.row)] - score[frozen(other)] for other in quantity.against]
    if quantity.beyond:
        ours, theirs = (paper(quantity.table, key, quantity.beyond) for key in (quantity.row, quantity.against[0]))
        found = [value - (ours - theirs) for value in found]
    return found


def frozen(key):
    return tuple(key.items())


PUBLISHED_CLAIMS = [name for name, claim in ALL.items() if claim.quantity.kind not in NOT_PUBLISHED]


@pytest.mark.parametrize("name", PUBLISHED_CLAIMS)
def test_the_papers_own_numbers_meet_its_claims(name, paper):
    claim = ALL[name]
    low, high = claim.predicate.bounds
    found = values(claim.quantity, paper)
    assert all(low < value < high for value in found)
    if isinstance(claim.predicate, About | AtLeast):
        assert found == [pytest.approx(claim.predicate.value, abs=0.05)]


def test_most_claims_are_held_against_published_numbers():
    assert len(PUBLISHED_CLAIMS) >= 30


def test_frames_are_those_of_the_published_file():
    lines = pd.read_csv(PUBLISHED / "table4_max_frames.csv")["max_frames"].dropna()
    assert ALL["frames_1392"].predicate.value == lines.iloc[0] == 1392
    assert ALL["frames_2635"].predicate.value == lines.iloc[1] == 2635
    for name in ("frames_1392", "frames_2635"):
        claim = ALL[name].predicate
        assert claim.kind == "at least", name
        assert claim.tolerance == pytest.approx(0.05 * claim.value, abs=1)


# Wrong claims


@pytest.fixture
def changed(tmp_path):
    """A function that reads one claim with some keys changed, or left out where they are None."""

    def read(**changes):
        one = yaml.safe_load(CLAIMS.read_text())["claims"]["vita_2019_r50"] | changes
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump({"claims": {"it": {k: v for k, v in one.items() if v is not None}}}))
        return read_claims(path)

    return read


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"where": None}, "key 'where' is missing"),
        ({"where": "somewhere"}, "key 'where'"),
        ({"text": None}, "key 'text' is missing"),
        ({"colour": "blue"}, "unknown key 'colour'; allowed here: .*scope"),
        ({"scope": "hope"}, "key 'scope': .*'numbers' or 'trend'"),
        ({"quantity": {"kind": "score", "tabel": "table1", "row": {}}}, "unknown key 'quantity.tabel'; .*table"),
        ({"quantity": {"kind": "guess"}}, "key 'quantity': .*'guess'.*'score'"),
        ({"predicate": {"kind": "about", "value": 1, "tolerance": 1}}, "key 'predicate.because' is missing"),
        ({"predicate": {"kind": "about", "value": 1, "tolerance": 0, "because": "x" * 20}}, "predicate.tolerance"),
        ({"predicate": {"kind": "between", "low": 2, "high": 1, "because": "x" * 20}}, "low 2 is not below high 1"),
    ],
)
def test_wrong_keys_are_named(changed, changes, message):
    with pytest.raises(UserError, match=rf"claims\.yaml: claims\.it: .*{message}"):
        changed(**changes)


def test_a_right_claim_is_read(changed):
    assert changed(note="a note")["it"].note == "a note"
