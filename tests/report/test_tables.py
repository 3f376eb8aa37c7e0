"""Tables from rows written by hand, with the arithmetic beside them."""

import csv
import math
import re
from pathlib import Path

import pytest

from vita.config_file import dump
from vita.contract import UserError
from vita.experiments.sections import ResolvedRow, TableSpec
from vita.report.runs import COLUMNS
from vita.report.tables import build_table

PUBLISHED = ("paper_AP", "paper_AP50", "paper_AP75", "paper_AR1", "paper_AR10")
PLACE = ("ground_truth", "dataset", "tier")
SCORES = ("AP", "AP50", "AP75", "AR1", "AR10")
IDENTITY = {"tier": "smoke", "dataset": "shapes", "method": "vita", "backbone": "tiny", "variant": "base"}


def run(inference, seed, ap, digest="aaa", **changes):
    """A row of runs.csv whose other scores are AP + 1, + 2, + 3, + 4."""
    scores = {name: ap + extra for extra, name in enumerate(SCORES)} if ap is not None else {}
    row = dict.fromkeys(COLUMNS, "") | IDENTITY | {"seed": seed, "inference": inference, "status": "finished"}
    row |= {"ground_truth": "valid", "videos": 30 if scores else ""}
    return row | {"source_digest": digest, "directory": f"runs/seed{seed}"} | scores | changes


def spec(*rows, key="ratio", published="table6_prune_ratio.csv", as_paper=False, videos=None, tier="smoke"):
    names = {name: IDENTITY[name] for name in ("dataset", "method", "backbone", "variant")}
    resolved = tuple(ResolvedRow(key=k, inference=i, as_paper=as_paper, valid_videos=videos, **names) for k, i in rows)
    return TableSpec(name="table6", title="Table 6", tier=tier, key=key, rows=resolved, published=published)


@pytest.fixture
def build(tmp_path):
    """A function that builds a table in an empty folder: its CSV rows and the printed text."""

    def build(table, rows):
        (tmp_path / "spec.yaml").write_text(dump(table))
        with (tmp_path / "runs.csv").open("w", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        printed = build_table(tmp_path / "spec.yaml", tmp_path / "runs.csv", tmp_path / "out.csv")
        with (tmp_path / "out.csv").open() as handle:
            return list(csv.DictReader(handle)), printed

    return build


def test_mean_and_deviation_over_seeds_with_the_papers_row_beside(build):
    rows, _ = build(
        spec((1.0, "intact"), (0.25, "prune25")),
        [
            run("intact", 0, 70.0),
            run("intact", 1, 74.0),
            run("prune25", 0, 60.5),
            run("prune25", 1, 60.5),
            run("zero", 0, 3.0),
            run("intact", 0, 99.0, variant="frozen"),
            run("intact", 0, 99.0, tier="mini"),
        ],
    )
    assert list(rows[0]) == ["ratio", *SCORES, "AP_std", "n_seeds", *PUBLISHED, *PLACE, "comparable"]
    first, last = rows
    assert first["ratio"] == "1.0"
    # (70 + 74) / 2 = 72; AP75 is AP + 2; deviation sqrt(((70 - 72)^2 + (74 - 72)^2) / (2 - 1)) = sqrt(8)
    assert float(first["AP"]) == 72.0
    assert float(first["AP75"]) == 74.0
    assert float(first["AP_std"]) == pytest.approx(math.sqrt(8), abs=1e-4)
    assert first["n_seeds"] == "2"
    assert [float(first[name]) for name in PUBLISHED] == [49.8, 72.6, 54.5, 49.4, 61.0]
    assert float(last["AP_std"]) == 0.0
    assert [float(last[name]) for name in PUBLISHED] == [48.1, 71.6, 51.6, 47.4, 59.8]
    assert (first["dataset"], first["tier"], first["comparable"]) == ("shapes", "smoke", "False")


def test_controls_have_no_paper_columns(build):
    table = spec(("intact", "intact"), ("zero", "zero"), key="control", published=None)
    rows, printed = build(table, [run("intact", 0, 70.0), run("zero", 0, 10.0)])
    assert list(rows[0]) == ["control", *SCORES, "AP_std", "n_seeds", *PLACE]
    assert [row["control"] for row in rows] == ["intact", "zero"]
    assert rows[0]["AP_std"] == ""  # one seed has no deviation
    assert "paper" not in printed


def test_a_seed_without_scores_does_not_count(build):
    rows, _ = build(spec((1.0, "intact")), [run("intact", 0, 70.0), run("intact", 1, None, status="not evaluated")])
    assert (rows[0]["AP"], rows[0]["n_seeds"]) == ("70.0", "1")


@pytest.mark.parametrize("suffix", [".md", None])
def test_caption_says_where_the_numbers_come_from(build, tmp_path, suffix):
    _, printed = build(spec((1.0, "intact")), [run("intact", 0, 70.0)])
    text = (tmp_path / "out.md").read_text() if suffix else printed
    assert "Tier smoke, data set shapes" in text
    assert "NOT comparable" in text


LOCAL = "local split of train (15%, seed 0)"


@pytest.mark.parametrize(
    ("as_paper", "published", "truth", "scored", "comparable"),
    [
        (True, 302, "valid", 302, True),
        (True, None, "valid", 302, True),
        (True, 302, "valid", 301, False),  # a copy that lacks a video
        (True, 302, "valid, first 20 videos", 20, False),
        (True, 302, LOCAL, 336, False),
        (True, 302, "server", "", True),
        (False, 302, "valid", 302, False),  # another model
        (False, 302, "server", "", False),
    ],
)
def test_comparable_is_the_papers_model_on_all_of_the_official_videos(
    build, as_paper, published, truth, scored, comparable
):
    table = spec((1.0, "intact"), as_paper=as_paper, videos=published)
    rows, printed = build(table, [run("intact", 0, 49.0, ground_truth=truth, videos=scored)])
    assert rows[0]["comparable"] == str(comparable)
    assert ("NOT comparable" in printed) != comparable
    assert f"Ground truth: {truth}." in printed


def test_scores_of_a_server_stand_in_a_row_of_their_own(build):
    """(40 + 44) / 2 = 42 of two seeds here; the server's 50 and 52 of the same seeds are 51."""
    local = [run("intact", seed, ap, ground_truth=LOCAL) for seed, ap in ((0, 40.0), (1, 44.0))]
    server = [run("intact", seed, ap, "", ground_truth="server", videos="") for seed, ap in ((0, 50.0), (1, 52.0))]
    rows, printed = build(spec((1.0, "intact"), as_paper=True), [*server, *local])
    assert [(row["ratio"], row["ground_truth"], float(row["AP"]), row["n_seeds"]) for row in rows] == [
        ("1.0", LOCAL, 42.0, "2"),
        ("1.0", "server", 51.0, "2"),
    ]
    assert [row["comparable"] for row in rows] == ["False", "True"]
    assert f"Ground truth: {LOCAL}; server." in printed
    assert "scores that an evaluation server gave" in printed
    assert "versions of the source" not in printed


def test_without_a_server_nothing_is_said_of_one(build):
    _, printed = build(spec((1.0, "intact")), [run("intact", 0, 70.0)])
    assert "server" not in printed


def test_warning_when_the_source_changed_between_runs(build):
    table = spec((1.0, "intact"))
    _, same = build(table, [run("intact", 0, 70.0), run("intact", 1, 70.0), run("zero", 0, 1.0, digest="bbb")])
    _, mixed = build(table, [run("intact", 0, 70.0), run("intact", 1, 70.0, digest="bbb")])
    assert "versions of the source" not in same  # the row `zero` is not in the table
    assert "different versions of the source: aaa, bbb" in mixed


@pytest.mark.parametrize(
    ("first", "second", "other", "warned"),
    [
        ("aaa", "aaa", "aaa+ccc", False),  # another method's own code is no other version
        ("aaa", "aaa", "bbb+ccc", True),  # another harness
        ("aaa+ccc", "aaa+ddd", "aaa", True),  # another version of one method
    ],
)
def test_versions_of_several_methods(build, first, second, other, warned):
    table = spec(("ours", "intact"), key="method", published=None)
    theirs = table.rows[0].model_copy(update={"key": "theirs", "method": "other"})
    ours = [run("intact", 0, 70.0, first), run("intact", 1, 70.0, second)]
    rows = [*ours, run("intact", 0, 60.0, other, method="other")]
    _, printed = build(table.model_copy(update={"rows": (*table.rows, theirs)}), rows)
    assert ("different versions of the source" in printed) == warned


def test_same_rows_are_the_same_bytes_and_all_three_forms_agree(build, tmp_path):
    table, rows = spec((1.0, "intact"), (0.75, "prune75")), [run("intact", 0, 70.04), run("prune75", 0, 69.0)]
    build(table, rows)
    first = {path.name: path.read_bytes() for path in tmp_path.glob("out.*")}
    build(table, rows)
    assert first == {path.name: path.read_bytes() for path in tmp_path.glob("out.*")}
    assert set(first) == {"out.csv", "out.md", "out.tex"}
    assert b"| 1.0 " in first["out.md"]
    assert b"| 70.0 |" in first["out.md"]
    assert b"\\toprule" in first["out.tex"]


def test_a_row_without_a_run_is_named_and_nothing_is_written(build, tmp_path):
    with pytest.raises(UserError, match=r"no evaluated run for the row '0\.5' .*inference prune50.*train and evaluate"):
        build(spec((1.0, "intact"), (0.5, "prune50")), [run("intact", 0, 70.0)])
    assert not list(tmp_path.glob("out.*"))


def test_bad_input_names_its_file(build, tmp_path):
    with pytest.raises(UserError, match=r"published file 'table99\.csv' is not known; allowed: figure5"):
        build(spec((1.0, "intact"), published="table99.csv"), [run("intact", 0, 70.0)])
    with pytest.raises(UserError, match=r"runs\.csv: no such file; `vita table runs` writes it"):
        (tmp_path / "runs.csv").unlink()
        build_table(tmp_path / "spec.yaml", tmp_path / "runs.csv", tmp_path / "out.csv")
    (tmp_path / "runs.csv").write_text("AP\n1\n")
    with pytest.raises(UserError, match=r"runs\.csv: no column 'tier'"):
        build_table(tmp_path / "spec.yaml", tmp_path / "runs.csv", tmp_path / "out.csv")


def test_reports_know_no_torch():
    for path in (Path(__file__).parents[2] / "vita" / "report").glob("*.py"):
        assert not re.search(r"^\s*(import|from) torch", path.read_text(), re.MULTILINE), path
