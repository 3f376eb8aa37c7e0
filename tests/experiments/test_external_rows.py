"""External results in the tables of a tier: which rows they are, what they are compared with, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiers import LIBRARY

from vita.core.config_base import dump, parse
from vita.core.contract import UserError
from vita.core.records import ImportRecord
from vita.experiments.config import ResolvedRow
from vita.experiments.external import ExternalConfig, read_imports
from vita.experiments.external_rows import NOT_IMPORTED, OTHER_VIDEOS
from vita.experiments.run_table import RunTable


def imported(name: str = "theirs", **changes: Any) -> ImportRecord:
    origin = {"name": name, "title": "Theirs", "backbone": "ResNet-50", "citation": "Them, 2026"}
    file = {"file": "results.json", "sha256": "a" * 64, "tracks": 1, "left_out": {}, "stored_sha256": "b" * 64}
    content = {
        "origin": origin | {key: changes.pop(key) for key in ("title", "backbone") if key in changes},
        "dataset": "shapes",
        "validate_on": "valid",
        "ground_truth": "valid",
        "videos": {1: (64, 96, 36)},
        "categories": {1: "disc"},
        "categories_by": "ids",
        "video_id_shift": 0,
        "files": [file | {"seed": seed, "empty_videos": []} for seed in changes.pop("seeds", (0,))],
        "imported_at": "2026-01-02T03:04:05+00:00",
        "version": "0.0.0",
    }
    return parse(ImportRecord, content | changes, "test")


def table(folder: Path, *imports: ImportRecord, extends: str = "smoke", **changes: Any) -> RunTable:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"extends": extends, "tier": "mine", "experiments": ["table1", "table2"]} | changes))
    return RunTable(path, LIBRARY, imports=imports)


def externals(table: RunTable, experiment: str) -> list[ResolvedRow]:
    return [row for row in table.specs[experiment].rows if row.external is not None]


def write_experiment(folder: Path, **content: Any) -> None:
    path = folder / "experiments" / "own.yaml"
    path.parent.mkdir(exist_ok=True)
    select = {"method": "vita", "dataset": "ytvis_2019", "backbone": "r50"}
    path.write_text(yaml.safe_dump({"item": "beyond the paper", "title": "Own", "select": select} | content))


def test_an_import_has_a_row_in_both_tables_of_methods_and_nowhere_else(tmp_path: Path) -> None:
    """In smoke `shapes` stands in for YouTube-VIS 2019 and for OVIS, and nothing for YouTube-VIS 2021."""
    experiments = ["table1", "table2", "table5", "table6"]
    found, without = (table(tmp_path, *some, experiments=experiments) for some in ([imported(seeds=(0, 3))], []))
    (in_table1,), (in_table2,) = externals(found, "table1"), externals(found, "table2")
    assert in_table1.key == {"method": "Theirs", "backbone": "ResNet-50"}
    assert in_table2.key == {"method": "Theirs", "benchmark": "OVIS", "backbone": "ResNet-50"}
    names = (in_table1.dataset, in_table1.method, in_table1.backbone, in_table1.variant, in_table1.inference)
    assert names == ("shapes", "external.theirs", "ResNet-50", "external", "intact")
    assert in_table1.seeds == (0, 3) and not in_table1.as_paper
    assert not externals(found, "table5") and not externals(found, "table6")
    for name in experiments:
        ours = [row for row in found.specs[name].rows if row.external is None]
        assert dump(found.specs[name].model_copy(update={"rows": tuple(ours)})) == dump(without.specs[name])
    assert [run.directory for run in found] == [run.directory for run in without]  # it trains and predicts nothing


def test_each_seed_is_scored_once_for_all_tables(tmp_path: Path) -> None:
    found = table(tmp_path, imported(seeds=(0, 3)))
    folder = "results/external/shapes/theirs/scores/mine"
    assert [run.directory for run in found.externals()] == [f"{folder}/seed0", f"{folder}/seed3"]
    assert [run.metrics for run in found.externals("table2")][1] == f"{folder}/seed3/metrics/intact.json"
    config = parse(ExternalConfig, yaml.safe_load(dump(found.externals()[0].config)), "test")
    assert (config.tier, config.method, config.record) == (
        "mine",
        "external.theirs",
        "results/external/shapes/theirs/import.json",
    )
    assert not table(tmp_path).externals()


@pytest.mark.parametrize(
    ("backbone", "cell"), [("resnet-50", "ResNet-50"), ("r50", "ResNet-50"), ("Swin-L", "Swin-L"), ("ViT-L", "ViT-L")]
)
def test_a_row_is_compared_with_vita_on_its_backbone_or_else_on_one_that_is_run(
    tmp_path: Path, backbone: str, cell: str
) -> None:
    """Smoke runs ResNet-50 alone; with Swin-L run too, a result with Swin-L is compared with that."""
    spec = table(tmp_path, imported(backbone=backbone)).specs["table1"]
    row = next(row for row in spec.rows if row.external is not None)
    reference = spec.reference_of(row)
    assert row.key == {"method": "Theirs", "backbone": cell}
    assert reference is not None and reference.key == {"method": "VITA", "backbone": "ResNet-50"}
    spec = table(tmp_path, imported(backbone=backbone), backbones={"r50": "tiny", "swin_l": "tiny"}).specs["table1"]
    reference = spec.reference_of(next(row for row in spec.rows if row.external is not None))
    wanted = "Swin-L" if backbone == "Swin-L" else "ResNet-50"
    assert reference is not None and reference.key == {"method": "VITA", "backbone": wanted}


def test_an_import_of_another_data_set_has_no_row(tmp_path: Path) -> None:
    assert not externals(table(tmp_path, imported(dataset="elsewhere")), "table1")


def test_an_import_for_other_videos_says_so(tmp_path: Path) -> None:
    found = table(tmp_path, imported(validate_on="local_split"))
    (row,) = externals(found, "table1")
    assert row.not_run == OTHER_VIDEOS and not found.externals()


def test_an_experiment_selects_one_by_its_name(tmp_path: Path) -> None:
    rows = [{"key": {"method": "ours"}}, {"key": {"method": "theirs"}, "external": "theirs"}]
    write_experiment(tmp_path, rows=rows, reference={"method": "ours"})
    spec = table(tmp_path, imported(), experiments=["own"]).specs["own"]
    ours, theirs = spec.rows
    assert theirs.external is not None and (theirs.method, theirs.not_run) == ("external.theirs", None)
    assert spec.reference_of(theirs) == ours
    gone = table(tmp_path, imported("others"), experiments=["own"]).specs["own"].rows[1]
    assert gone.not_run == NOT_IMPORTED


def test_the_documented_experiment_is_one(tmp_path: Path) -> None:
    text = (LIBRARY.parents[1] / "docs" / "external_results.md").read_text()
    (documented,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    write_experiment(tmp_path, **yaml.safe_load(documented))
    spec = table(tmp_path, imported(), experiments=["own"]).specs["own"]
    assert [(row.method, row.not_run) for row in spec.rows] == [("vita", None), ("external.theirs", None)]
    assert spec.reference_of(spec.rows[1]) == spec.rows[0]


def test_a_stand_in_that_is_scored_in_two_ways_cannot_score_an_external_result(tmp_path: Path) -> None:
    """What trains on it otherwise, as pre-training does, does not matter."""
    by_videos = {name: {"use": "shapes", "limit_videos": limit} for name, limit in (("ytvis_2019", 3), ("ovis", 2))}
    row = {"key": {"of": "one"}, "external": "theirs"}
    write_experiment(tmp_path, rows=[row])
    found = table(tmp_path, imported(), experiments=["own"], datasets=by_videos)
    assert [run.config.dataset.limit_videos for run in found.externals()] == [3]
    write_experiment(tmp_path, rows=[row, row | {"key": {"of": "other"}, "dataset": "ovis"}])
    with pytest.raises(UserError, match="'shapes' stands in twice, scored on different videos"):
        table(tmp_path, imported(), experiments=["own"], datasets=by_videos)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"rows": [{"key": {"a": 1}}], "external": True}, "`external: true` goes with `each_method`"),
        ({"rows": [{"key": {"a": 1}, "external": "theirs"}], "each_method": True}, "takes all external results"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, content: dict[str, Any], told: str) -> None:
    write_experiment(tmp_path, **content)
    with pytest.raises(UserError, match=told):
        table(tmp_path, imported(), experiments=["own"])


@pytest.mark.parametrize("others", [[imported(title="VITA")], [imported(), imported("again")]])
def test_two_rows_of_the_same_cells_are_refused(tmp_path: Path, others: list[ImportRecord]) -> None:
    """One of ours, or another import: nobody could tell them apart."""
    with pytest.raises(UserError, match=r"two rows have the cells method .*; import .* again under another --title"):
        table(tmp_path, *others)


def test_no_method_can_have_the_name_of_an_external_result(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    method = yaml.safe_load((LIBRARY / "methods" / "vita.yaml").read_text())
    (tmp_path / "methods" / "external.theirs.yaml").write_text(yaml.safe_dump(method | {"title": "Mine"}))
    with pytest.raises(UserError, match=r"names that begin with 'external.' are of external results"):
        table(tmp_path, imported(), methods={"external.theirs": {"preset": "tiny"}})


def test_imports_are_read_from_their_folders(tmp_path: Path) -> None:
    assert read_imports(tmp_path) == []
    records = [imported("b"), imported("a")]
    for record in records:
        place = tmp_path / "shapes" / record.origin.name
        place.mkdir(parents=True)
        (place / "import.json").write_text(json.dumps(record.to_json()))
    half_made = tmp_path / "shapes" / ".c.x8" / "new"
    half_made.mkdir(parents=True)
    (half_made.parent / "import.json").write_text("{")
    assert read_imports(tmp_path) == records[::-1]
    (tmp_path / "shapes" / "a").rename(tmp_path / "shapes" / "copied")
    with pytest.raises(UserError, match="its folder must be shapes/a"):
        read_imports(tmp_path)
