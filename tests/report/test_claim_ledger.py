"""The ledger's files, and what `vita claims` refuses."""

import json
from pathlib import Path

import pandas as pd
import pytest
from claim_results import pruned, results, row, table, write_table
from tiny_run import vita

from vita.core.contract import UserError
from vita.report.claims.pages import COLUMNS, build_ledger
from vita.report.claims.rows import read_tables


def test_ledger_files(tmp_path):
    """Table 6 alone, with 10 of 20 objects at ratio 0.5: one step of three is there, and all else is missing."""
    one = pruned(tmp_path, 10)
    rows = [row({"ratio": ratio}, "prune50" if ratio == 0.5 else "intact") for ratio in (1.0, 0.75, 0.5, 0.25)]
    folder = write_table(tmp_path / "table6", table(rows, one.runs.to_dict("records")))
    results().models.to_csv(tmp_path / "models.csv", index=False)
    ended = vita("claims", "--table", folder, "--models", tmp_path / "models.csv", "--out", tmp_path / "claims.csv")
    assert (ended.code, ended.errors) == (0, "")
    frame = pd.read_csv(tmp_path / "claims.csv", index_col="id")
    assert ["id", *frame.columns] == list(COLUMNS)
    assert [str(kind) for kind in frame[["value", "low", "high"]].dtypes] == ["float64"] * 3
    assert set(frame["verdict"]) == {"reproduced", "not reproduced", "not run", "not comparable"}
    monotone = frame.loc["pruning_monotone"]  # 1.0 to 0.75 changes nothing, 0.5 to 0.25 gives all back
    assert (monotone["verdict"], monotone["value"], monotone["n_seeds"]) == ("not reproduced", 49.505, 1)
    assert all(Path(path).is_file() for path in monotone["evidence"].split())
    assert frame.loc["added_parameters_swin_l", "verdict"] == "reproduced"
    assert frame.loc["frames_1392", "verdict"] == "not run"
    assert frame.loc["prune_50", "verdict"] == "not comparable"
    counted = frame["verdict"].value_counts()
    summary = (
        f"{len(frame)} claims, tier smoke: 1 reproduced, 1 not reproduced, 0 inconclusive, {counted['not run']} not run"
    )
    command = ["claims", "--table", folder, "--models", tmp_path / "models.csv", "--out", tmp_path / "again.csv"]
    printed = {entry.pop("id"): entry for entry in json.loads(vita(*command, "--json").out)}
    assert [*printed] == [*frame.index]
    assert (printed["pruning_monotone"]["value"], printed["frames_1392"]["value"]) == (
        pytest.approx(49.505, abs=1e-3),
        None,
    )
    for text in (ended.out, (tmp_path / "claims.md").read_text(), (tmp_path / "claims.html").read_text()):
        assert summary in text


def test_markdown_tables_are_whole(tmp_path):
    results().models.to_csv(tmp_path / "models.csv", index=False)
    folder = write_table(tmp_path / "table6", pruned(tmp_path, 10))
    build_ledger([folder], tmp_path / "models.csv", tmp_path / "claims.csv")
    blocks = [part.splitlines() for part in (tmp_path / "claims.md").read_text().split("\n\n") if part.startswith("|")]
    assert len(blocks) >= 3
    assert all(len({text.count("|") for text in block}) == 1 for block in blocks)


def test_the_same_results_are_the_same_bytes(tmp_path):
    results().models.to_csv(tmp_path / "models.csv", index=False)
    folder = write_table(tmp_path / "table6", pruned(tmp_path, 10, seeds=3))
    for name in ("one", "two"):
        build_ledger([folder], tmp_path / "models.csv", tmp_path / name / "claims.csv")
    for ending in ("csv", "md", "html"):
        assert (tmp_path / f"one/claims.{ending}").read_bytes() == (tmp_path / f"two/claims.{ending}").read_bytes()


def test_tables_of_two_tiers_or_one_twice_are_refused(tmp_path):
    smoke = write_table(tmp_path / "a", table([row({"ratio": 1.0})], []))
    with pytest.raises(UserError, match="'table6' was named before"):
        read_tables([smoke, smoke])
    paper = write_table(tmp_path / "b", table([row({"ratio": 1.0})], [], "table3", "paper"))
    with pytest.raises(UserError, match="tables of the tiers paper, smoke"):
        read_tables([smoke, paper])


@pytest.mark.parametrize(
    ("content", "message"), [(None, "vita models --out"), ("method,backbone\n", "no column 'parameters'")]
)
def test_models_that_are_none_are_named(tmp_path, content, message):
    if content:
        (tmp_path / "models.csv").write_text(content)
    with pytest.raises(UserError, match=f"models.csv: .*{message}"):
        build_ledger([], tmp_path / "models.csv", tmp_path / "claims.csv")
