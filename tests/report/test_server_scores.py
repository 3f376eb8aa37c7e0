"""Files of scores that came back from a server, by hand."""

import csv
import json

import pytest

from vita.core.contract import UserError
from vita.report.runs.server_scores import server_rows
from vita.report.runs.tidy_rows import collect_runs

SCORES = {"AP": 49.8, "AP50": 72.6, "AP75": 54.5, "AR1": 49.4, "AR10": 61.0}
IDENTITY = {"tier": "paper", "dataset": "ytvis_2019", "method": "vita", "backbone": "r50", "variant": "base"}
SCORE = IDENTITY | {"inference": "intact", "seed": 0, "scores": SCORES, "date": "2025-11-03", "server": "a.server.org"}


@pytest.fixture
def write(tmp_path):
    """A function that writes SCORE with some keys changed, and its path."""

    def write(name="a", **changes):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(SCORE | changes))
        return path

    return write


def test_a_row_of_all_runs(write, tmp_path):
    first, second = write("a"), write("b", seed=1, note="second try")
    collect_runs([], tmp_path / "runs.csv", [first, second])
    with (tmp_path / "runs.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["seed"], row["ground_truth"], row["status"]) for row in rows] == [
        ("0", "server", "scored"),
        ("1", "server", "scored"),
    ]
    assert {name: float(rows[0][name]) for name in SCORES} == SCORES
    assert {name: rows[0][name] for name in IDENTITY} == IDENTITY
    assert rows[0]["directory"] == first.as_posix()  # where date, server and note are
    assert rows[0]["device"] == rows[0]["videos"] == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": SCORES | {"AP": 101}}, r"a\.json: key 'scores\.AP': .*less than or equal to 100"),
        ({"scores": {"AP": 49.8}}, r"a\.json: key 'scores\.AP50' is missing"),
        ({"scores": {name: value / 100 for name, value in SCORES.items()}}, r"scores are points, 0 to 100, .*0\.726"),
        ({"date": "last week"}, r"a\.json: key 'date'"),
        ({"sead": 0}, r"a\.json: unknown key 'sead'; allowed here: backbone, dataset, date"),
        ({"seed": None}, r"a\.json: key 'seed'"),
    ],
)
def test_a_slip_is_named(write, changes, message):
    with pytest.raises(UserError, match=message):
        server_rows([write(**changes)])


def test_the_same_predictions_are_scored_once(write):
    with pytest.raises(UserError, match=r"b\.json: scores the same predictions as .*a\.json; keep one"):
        server_rows([write("a"), write("b", note="again")])
