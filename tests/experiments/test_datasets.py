"""The published data sets: their facts agree with each other."""

from pathlib import Path

import pytest

from vita.core.config_base import load
from vita.core.dataset_config import DatasetConfig

FOLDER = Path(__file__).parents[2] / "workflow" / "config" / "datasets"
VIDEO_SETS = ("ytvis_2019", "ytvis_2021", "ytvis_2022", "ovis")


def dataset(name: str) -> DatasetConfig:
    return load(DatasetConfig, FOLDER / f"{name}.yaml")


@pytest.mark.parametrize(("name", "count"), [*((one, 40) for one in VIDEO_SETS[:3]), ("ovis", 25), ("coco", 80)])
def test_categories(name: str, count: int) -> None:
    categories = dataset(name).categories
    assert categories is not None
    assert len(categories) == len(set(categories.values())) == count
    assert sorted(categories) == list(categories)
    assert max(categories) == (90 if name == "coco" else count)  # the ids of COCO have gaps


@pytest.mark.parametrize("name", VIDEO_SETS)
def test_coco_maps_into_known_categories(name: str) -> None:
    ours, coco = dataset(name), dataset("coco")
    assert ours.categories is not None
    assert coco.categories is not None
    assert set(ours.category_map) == {"coco"}
    assert set(ours.category_map["coco"]) <= set(coco.categories.values())
    assert set(ours.category_map["coco"].values()) <= set(ours.categories.values())


def test_what_the_release_maps_where() -> None:
    of_2019, of_2021, ovis = (dataset(name).category_map["coco"] for name in ("ytvis_2019", "ytvis_2021", "ovis"))
    assert (of_2019["car"], of_2021["car"], ovis["car"], ovis["bus"]) == ("sedan", "car", "Vehical", "Vehical")
    assert (of_2019["bicycle"], of_2019["skis"]) == ("motorbike", "snowboard")
    assert of_2021["bird"] == "bird"
    assert "bird" not in ovis
    assert [len(each) for each in (of_2019, of_2021, ovis)] == [21, 23, 17]
    assert dataset("ytvis_2022").category_map == dataset("ytvis_2021").category_map


@pytest.mark.parametrize("name", (*VIDEO_SETS, "coco"))
def test_a_user_is_told_what_it_is_and_where_to_get_it(name: str) -> None:
    described = dataset(name)
    assert described.title
    assert described.licence
    assert described.obtain
    assert "https://" in described.obtain


@pytest.mark.parametrize("name", VIDEO_SETS)
def test_what_scores_a_model(name: str) -> None:
    scored = dataset(name)
    assert scored.local_split is not None
    assert scored.local_split.file == f"results/data/{name}/local_split.json"  # where the workflow makes it
    local = "local split of train (15%, seed 0)"
    assert scored.ground_truth == ("valid" if name == "ovis" else local)
    limited = scored.model_copy(update={"limit_videos": 20})
    assert limited.ground_truth == f"{scored.ground_truth}, first 20 videos"
