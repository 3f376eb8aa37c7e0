"""Every data set as it was distributed goes through the workflow with nothing but its root given."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml
from distributed_layouts import PUBLISHED, write_coco, write_layout

from vita.core.dataset_config import DatasetConfig

VIDEO_SETS = ("ytvis_2019", "ytvis_2019_codalab", "ytvis_2021", "ytvis_2022", "ovis")


@pytest.fixture
def layouts(folder):
    """The folder, with all data sets beside it and their variables set; returns the tier's file."""
    for name in VIDEO_SETS:
        write_layout(name, folder.path / "data" / name)
    write_coco(folder.path / "data" / "coco")
    for name in (*VIDEO_SETS, "coco"):
        folder.environment[f"{name.upper()}_ROOT"] = str(folder.path / "data" / name)
    shutil.rmtree(folder.path / "tier")
    shutil.copytree(Path(__file__).parent / "layouts", folder.path / "tier")
    (folder.path / "tier" / "datasets").mkdir()
    # The second copy of a data set needs a name, a variable and a list of its own.
    text = (PUBLISHED / "ytvis_2019.yaml").read_text()
    other = text.replace("YTVIS_2019_ROOT", "YTVIS_2019_CODALAB_ROOT").replace("ytvis_2019", "ytvis_2019_codalab")
    (folder.path / "tier" / "datasets" / "ytvis_2019_codalab.yaml").write_text(other)
    return str(folder.path / "tier" / "layouts.yaml")


@pytest.mark.dag
def test_each_layout_trains_and_is_evaluated(folder, layouts):
    ended = folder.run(tier=layouts)
    assert ended.returncode == 0, ended.stdout + ended.stderr

    with (folder.path / "results/all_runs.csv").open() as handle:
        rows = {row["dataset"]: row for row in csv.DictReader(handle)}
    assert set(rows) == set(VIDEO_SETS)
    for name, row in rows.items():
        assert row["status"] == "finished"
        assert 0 <= float(row["AP"]) <= 100
        local = folder.path / "results" / "data" / name / "local_split.json"
        if name == "ovis":
            assert (row["ground_truth"], row["videos"]) == ("valid", "2")
            assert not local.exists()
            continue
        assert row["ground_truth"] == "local split of train (15%, seed 0)"
        split = json.loads(local.read_text())
        assert int(row["videos"]) == len(split["valid"]) > 0
        predictions = json.loads((folder.path / row["directory"] / "predictions" / "intact.json").read_text())
        assert {entry["video_id"] for entry in predictions} == set(split["valid"])
    with (folder.path / "results/layouts.csv").open() as handle:
        assert [row["data"] for row in csv.DictReader(handle)] == ["2019", "2019 CodaLab", "2021", "2022", "OVIS"]
    assert folder.jobs(tier=layouts) == {}

    mixed = yaml.safe_load((folder.path / rows["ytvis_2021"]["directory"] / "config.yaml").read_text())
    assert mixed["pseudo_videos"]["dataset"]["name"] == "coco"
    assert DatasetConfig.model_validate(mixed["dataset"]).category_map["coco"]["frisbee"] == "flying_disc"


def test_without_its_list_the_way_to_it_is_told(folder, layouts):
    folder.change("datasets/ytvis_2022.yaml", "local_split", "file", to="mine/split.json")
    wanted = "'ytvis_2022': local_split.file is mine/split.json, which is not there; write it with `vita data split`"
    assert wanted in folder.said("-n", tier=layouts)


def test_ovis_without_the_labels_of_valid_says_so_before_anything_runs(folder, layouts):
    (folder.path / "data" / "ovis" / "validGT.json").unlink()
    said = folder.said("-n", tier=layouts)
    assert "'ovis': no labels of `valid` found in" in said
    assert "validate_on: local_split" in said
    folder.change("datasets/ovis.yaml", "validate_on", to="local_split")
    assert folder.jobs(tier=layouts)["data_split"] == 5
