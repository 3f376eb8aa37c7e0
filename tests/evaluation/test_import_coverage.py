"""An external result is scored only where its import covers what is scored, as the data set is now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from import_scenes import LENGTHS, Imports, results, write_dataset
from tiny_run import Ended, vita


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    found = Imports(tmp_path)
    assert found.take(results()).code == 0
    return found


def score(imports: Imports, *options: object, predictions: Path | None = None) -> Ended:
    place = imports.place
    files = ["--pred", predictions or place / "predictions/seed0.json", "--imported", place / "import.json"]
    return vita("evaluate", "--gt", imports.folder / "data/instances.json", *files, *options)


def test_right_tracks_score_all_points(imports: Imports) -> None:
    out = imports.folder / "metrics.json"
    assert score(imports, "--out", out).code == 0
    assert json.loads(out.read_text())["scores"]["ap"] == pytest.approx(1, abs=1e-12)


def change_labels(imports: Imports, **changes: Any) -> None:
    path = imports.folder / "data/instances.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {key: change(content[key]) for key, change in changes.items()}))


def test_videos_that_were_not_covered_are_named(imports: Imports) -> None:
    """The import was for the first two videos; scored are all three, or again the first two."""
    write_dataset(imports.folder / "data", limit_videos=2)
    assert imports.take(results()[:2], replace=True).code == 0
    assert imports.record()["ground_truth"] == "valid, first 2 videos"
    assert "covers 2 of the 3 videos that are scored here; video 3 is not among them" in score(imports).message
    assert score(imports, "--limit-videos", 2).code == 0


def test_other_tracks_than_those_that_were_imported_are_refused(imports: Imports) -> None:
    other = imports.write(results(score=0.5), "other.json")
    assert "not the tracks that were imported (its SHA-256 differs)" in score(imports, predictions=other).message


def test_a_data_set_that_has_changed_since_is_noticed(imports: Imports) -> None:
    change_labels(imports, videos=lambda videos: [{**one, "length": LENGTHS[one["id"]] + 1} for one in videos])
    assert "video 1 had another size or length when this was imported" in score(imports).message


def test_categories_that_have_changed_since_are_noticed(imports: Imports) -> None:
    change_labels(imports, categories=lambda categories: [{**one, "name": f"new {one['name']}"} for one in categories])
    assert "had other categories when this was imported" in score(imports).message
