"""Videos of one's own with outlines, from labelme files to a table and a picture, as docs/own_data.md goes."""

import csv
import json

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_run import vita

WIDTH, HEIGHT, FRAMES = 160, 90, 4


@pytest.fixture
def own_videos(tmp_path, monkeypatch):
    """Three videos of a square that goes right, imported; the tier that extends `laptop`. The folder is the current."""
    monkeypatch.chdir(tmp_path)
    for video in ("kitchen", "street", "yard"):
        frames, labels = tmp_path / "mine/frames" / video, tmp_path / "mine/labels" / video
        frames.mkdir(parents=True)
        labels.mkdir(parents=True)
        for t in range(FRAMES):
            left, top = 20 + 20 * t, 30
            corners = [[left, top], [left + 30, top], [left + 30, top + 30], [left, top + 30]]
            picture = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
            picture[top : top + 30, left : left + 30] = (200, 60, 50)
            Image.fromarray(picture).save(frames / f"{t:05d}.jpg")
            shape = {"label": "box", "points": corners, "group_id": 1, "shape_type": "polygon", "flags": {}}
            document = {"imagePath": f"{t:05d}.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": [shape]}
            (labels / f"{t:05d}.json").write_text(json.dumps(document))
    dataset = "mine/datasets/mine.yaml"
    assert (
        vita(
            "data", "import", "mine/labels", "--frames", "mine/frames", "--out", "mine/data", "--dataset", dataset
        ).code
        == 0
    )
    write_tier()
    return tmp_path


def write_tier(**schedules):
    """As the page has it; `schedules` shortens it."""
    tier = {
        "extends": "laptop",
        "tier": "mine",
        "datasets": {name: {"use": "mine"} for name in ("ytvis_2019", "ovis", "coco")},
    }
    with open("mine/tier.yaml", "w", encoding="utf-8") as file:  # noqa: PTH123
        yaml.safe_dump(tier | ({"schedules": schedules} if schedules else {}), file)


def test_two_cores_need_a_quarter_of_an_hour(own_videos, request):
    """All jobs share two cores, and no chain is longer: pre-training, a training, its predictions and a score."""
    library = request.config.rootpath / "workflow" / "config"
    told = vita("plan", "--tier", "mine/tier.yaml", "--library", library, "--out", "plan.csv")
    assert told.code == 0, told.errors
    with open("plan.csv", encoding="utf-8") as file:  # noqa: PTH123
        jobs = list(csv.DictReader(file))
    hours = {
        stage: [float(job["hours"]) for job in jobs if job["stage"] == stage]
        for stage in {job["stage"] for job in jobs}
    }
    assert len(hours["pre-training"]) == 1 and len(hours["training"]) == 2
    assert sum(map(sum, hours.values())) / 2 <= 0.25
    assert sum(map(max, hours.values())) <= 0.25


@pytest.mark.dag
def test_from_outlines_to_a_table_and_a_picture(own_videos, folder):
    short = {"iterations": 2, "clips_per_batch": 2, "warmup_iterations": 1, "decay_at": [], "checkpoint_every": 2}
    write_tier(
        pretrain=short, clips=short | {"clip_frames": 2, "frame_range": 2, "validate_every": 2, "validate_videos": 1}
    )
    assert folder.path == own_videos
    folder.succeed("results/table6.csv", "results/figure6/figure6.png", tier="mine/tier.yaml")
    assert "data set mine" in folder.read("results/table6.md")
    with Image.open(own_videos / "results/figure6/figure6.png") as picture:
        assert min(picture.size) > 100
    split = json.loads(folder.read("results/data/mine/local_split.json"))
    assert len(split["valid"]) == 1 and len(split["train"]) == 2
