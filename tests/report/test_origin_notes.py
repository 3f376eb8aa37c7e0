"""What tables say of where weights come from, of the videos that training saw, and of the tier's anchor."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from vita.experiments.config import ResolvedAnchor, ResolvedRow, TableSpec
from vita.report.tables.notes import anchor_note, origin_notes

ANCHOR = ResolvedAnchor(name="VITA with r50 on ovis", directory="runs/anchor", inference="intact", ap=19.6, within=0.3)


def line(**changes: Any) -> dict[str, Any]:
    names = {"tier": "t", "dataset": "ovis", "method": "vita", "backbone": "r50", "variant": "base", "seed": 0}
    told = {"inference": "intact", "AP": 19.5, "ground_truth": "valid", "videos": 140, "weights_from": "trained"}
    return {**names, **told, "directory": "runs/anchor", **changes}


def notes(*lines: dict[str, Any], anchor: ResolvedAnchor | None = None, **row: Any) -> list[str]:
    about = {"dataset": "ovis", "method": "vita", "backbone": "r50", "variant": "base", "inference": "intact"}
    rows = (ResolvedRow.model_validate({"key": {"a": "b"}, "seeds": (0, 1), **about, **row}),)
    spec = TableSpec(name="n", item="i", title="t", kind="table", tier="t", rows=rows, anchor=anchor)
    return list(origin_notes(spec, pd.DataFrame(lines)))


@pytest.mark.parametrize(
    ("ap", "start"),
    [
        (19.6, "Anchor: VITA with r50 on ovis scores 19.6 AP here, published 19.6 ± 0.3."),
        (19.31, "Anchor: "),
        (19.29, "ANCHOR NOT MET: VITA with r50 on ovis scores 19.3 AP here, published 19.6 ± 0.3. Something is amiss"),
        (25.0, "ANCHOR NOT MET: "),
        (None, "ANCHOR NOT SCORED: VITA with r50 on ovis, published 19.6 ± 0.3: it has no score."),
    ],
)
def test_the_anchor_holds_or_every_table_says_that_it_does_not(ap: float | None, start: str) -> None:
    runs = pd.DataFrame([line(AP=ap), line(AP=19.6, inference="prune50", directory="runs/anchor")])
    runs["AP"] = runs["AP"].astype(float)
    assert anchor_note(ANCHOR, runs).startswith(start)


def test_an_anchor_that_cannot_be_run_says_why() -> None:
    anchor = ANCHOR.model_copy(update={"not_run": "no labels of `valid` here"})
    assert anchor_note(anchor, pd.DataFrame([line()])).startswith("ANCHOR NOT SCORED: ")
    assert "no labels of `valid` here" in anchor_note(anchor, pd.DataFrame([line()]))


def test_weights_of_others_are_named_once() -> None:
    found = notes(line(weights_from="file"), line(weights_from="file", seed=1))
    assert len(found) == 1
    assert "files of others: vita r50 base on ovis. One file is one training" in found[0]
    assert notes(line()) == []


def test_a_part_of_the_published_videos_is_told() -> None:
    found = notes(line(ground_truth="valid", videos=2), valid_videos=140)
    assert found == ["Scored on 2 videos of ovis `valid`, published with 140."]
    assert notes(line(ground_truth="valid", videos=140), valid_videos=140) == []
    assert notes(line(ground_truth="valid", videos=2)) == []  # of own data, nobody published a number


def test_a_local_split_says_how_many_videos_training_saw() -> None:
    local = "local split of train (15%, seed 0)"
    found = notes(line(ground_truth=local, videos=336), line(ground_truth=local, videos=336, seed=1), train_videos=2238)
    # 2,238 less the 336 that are scored
    assert found == [
        "Training on ovis saw only what is not scored of `train`: 1,902 of 2,238 videos; the paper's saw all of it."
    ]
    unknown = notes(line(ground_truth=local, videos=336))
    assert unknown == ["Training on ovis saw only what is not scored of `train`; the paper's saw all of it."]
    assert notes(line(), train_videos=607) == []
