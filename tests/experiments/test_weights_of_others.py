"""Tiers that name files of others: which runs they are, what is left out, and slips that are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tiers import LIBRARY

from vita.core.contract import UserError
from vita.experiments.run_table import NO_NUMBER, NO_WEIGHTS, NOT_IN_TIER, SEEN_IN_TRAINING, RunTable

FILE = {
    "method": "vita",
    "variant": "base",
    "file": "w.pth",
    "holds": "video",
    "published": "a model",
    "obtain": "here",
}


def tier(folder: Path, *files: dict[str, Any], **changes: Any) -> RunTable:
    """The smoke tier with Table 6 and Table 7, and weights of others."""
    content = {"extends": "smoke", "tier": "mine", "experiments": ["table6", "table7"]}
    weights = {"start": "theirs", "weights": {"theirs": list(files)}} if files else {}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content | weights | changes))
    return RunTable(path, LIBRARY)


def trainings(table: RunTable) -> set[tuple[str, int, bool]]:
    return {(run.variant, run.seed, run.is_trained) for run in table}


def test_a_finished_model_is_one_training_and_nothing_comes_before_it(tmp_path: Path) -> None:
    table = tier(tmp_path, FILE, experiments=["table6"])
    assert trainings(table) == {("base", 0, False)}
    assert [row.seeds for row in table.specs["table6"].rows] == [(0,)] * 4
    (run,) = table
    assert (run.starts_from, run.config.start_from, run.config.pseudo_videos) == (None, None, None)
    assert run.config.weights is not None
    assert (run.config.weights.file, run.config.weights.holds) == ("w.pth", "video")


def test_an_image_model_takes_the_place_of_a_pre_training(tmp_path: Path) -> None:
    table = tier(tmp_path, FILE | {"variant": "pretrain", "holds": "image"})
    expected = {("pretrain", 0, False)} | {(name, seed, True) for name in ("base", "frozen") for seed in (0, 1)}
    assert trainings(table) == expected
    assert {run.config.start_from for run in table if run.is_trained} == {
        "results/runs/mine/shapes_images/vita/tiny/pretrain/seed0/model.safetensors"
    }


def test_a_backbone_is_what_a_training_starts_from(tmp_path: Path) -> None:
    table = tier(tmp_path, FILE | {"variant": "pretrain", "holds": "backbone"}, experiments=["table6"])
    assert trainings(table) == {("pretrain", 0, True), ("base", 0, True), ("base", 1, True)}
    pretrain = next(run for run in table if run.variant == "pretrain")
    assert pretrain.config.start_from == f"{pretrain.directory}/start.safetensors"
    assert next(run for run in table if run.variant == "base").config.weights is None


def test_what_has_no_file_is_left_out_of_a_tier_that_trains_nothing(tmp_path: Path) -> None:
    rows = tier(tmp_path, FILE, trains=False).specs["table7"].rows
    reasons = {(row.key["backbone"], row.key["frozen"]): row.not_run for row in rows}
    assert reasons["ResNet-50", "no"] is None
    assert reasons["ResNet-50", "yes"] == NO_WEIGHTS


def test_what_is_kept_to(tmp_path: Path) -> None:
    table = tier(tmp_path, experiments=["table1"], only={"methods": ["ifc"]})
    assert {run.method for run in table} == {"ifc"}
    assert {row.method for row in table.specs["table1"].rows if row.not_run != NOT_IN_TIER} == {"ifc"}
    nothing = tier(tmp_path, experiments=["table6"], only={"backbones": ["r101"]})
    assert (len(nothing), {row.not_run for row in nothing.specs["table6"].rows}) == (0, {NOT_IN_TIER})


def test_rows_without_a_number_of_the_paper(tmp_path: Path) -> None:
    asked, whole = (tier(tmp_path, experiments=["table5"], published_only=only) for only in (True, False))
    left_out = {row.method for row in asked.specs["table5"].rows if row.not_run == NO_NUMBER}
    assert left_out == {"mask2former_vis", "ifc"}
    assert {run.method for run in asked} == {"vita"}
    assert {run.method for run in whole} == {"vita", "mask2former_vis", "ifc"}


def test_released_weights_are_not_scored_on_their_own_training_videos(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    local = yaml.safe_load((LIBRARY / "datasets" / "shapes.yaml").read_text())
    local |= {"validate_on": "local_split", "local_split": {"file": "ids.json", "valid_share": 0.2}}
    (tmp_path / "datasets" / "shapes.yaml").write_text(yaml.safe_dump(local))
    rows = tier(tmp_path, FILE, experiments=["table6"]).specs["table6"].rows
    assert [row.not_run for row in rows] == [SEEN_IN_TRAINING] * 4
    valid = {"ytvis_2019": {"use": "shapes", "validate_on": "valid"}}
    rows = tier(tmp_path, FILE, experiments=["table6"], datasets=valid).specs["table6"].rows
    assert [row.not_run for row in rows] == [None] * 4


def test_an_anchor_is_asked_for_by_every_table(tmp_path: Path) -> None:
    anchor = {"method": "vita", "dataset": "ovis", "backbone": "r50", "AP": 19.6, "within": 0.3}
    table = tier(tmp_path, anchor=anchor, experiments=["table6", "controls"])
    for name in ("table6", "controls"):
        found = table.specs[name].anchor
        assert found is not None
        assert (found.ap, found.within, found.not_run) == (19.6, 0.3, None)
        assert found.directory in {run.directory for run, _ in table.evaluations(name)}
    with pytest.raises(UserError, match=r"anchor\.dataset: 'nothing' is not known"):
        tier(tmp_path, anchor=anchor | {"dataset": "nothing"})


@pytest.mark.parametrize(
    ("files", "changes", "message"),
    [
        ([FILE, FILE | {"file": "other.pth"}], {}, r"weights\.theirs: w\.pth and other\.pth are both for"),
        ([FILE | {"holds": "backbone"}], {}, r"a backbone for vita 'base', which starts from 'pretrain'"),
        ([FILE], {"start": "nowhere"}, r"start is 'nowhere', which is not in `weights`; allowed: theirs"),
        ([FILE | {"holds": "all"}], {}, r"weights\.theirs\.0\.holds"),
        ([FILE | {"sha256": "abc"}], {}, r"weights\.theirs\.0\.sha256"),
        ([{**FILE, "obtain": None}], {}, r"weights\.theirs\.0\.obtain"),
    ],
)
def test_slips_are_told(tmp_path: Path, files: list[dict[str, Any]], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tier(tmp_path, *files, **changes)
