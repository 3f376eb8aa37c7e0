"""The official VITA, from its repository as it is, and ours, on the same weights and videos, in a process each."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from detectron2_checkout import needs_detectron2
from pycocotools import mask as coco_mask
from released_models import RESNET, write_model_yaml
from shapes_yaml import write_yaml

from vita_detectron2.results import encode

OFFICIAL = "VITA_CHECKOUT"
CHECKOUT = os.environ.get(OFFICIAL)
TESTS = Path(__file__).parents[1]
pytestmark = [
    *needs_detectron2,
    pytest.mark.skipif(CHECKOUT is None, reason=f"{OFFICIAL} names no checkout of the official VITA"),
    pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="the official VITA needs timm"),
]


def run(which: str, folder: Path) -> str:
    """What the process prints last."""
    there = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS.parent, TESTS)))}
    program = [sys.executable, str(Path(__file__).with_name("official_vita.py")), which, str(folder), str(CHECKOUT)]
    ended = subprocess.run(program, env=there, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]


def tracks_of(output: Any) -> list[tuple[int, bytes, float]]:
    """Label, masks and score of each track, in one order: scores that are equal but for rounding may change places."""
    masks = [one.numpy().tobytes() for one in output["pred_masks"]]
    return sorted(zip(output["pred_labels"], masks, output["pred_scores"], strict=True))


def label_by(outputs: list[Any], source: Path, out: Path) -> None:
    """Labels that random weights can find: three tracks of each video, beside those that were there."""
    document = json.loads(source.read_text())
    for video, output in zip(document["videos"], outputs, strict=True):
        best = sorted(range(len(output["pred_scores"])), key=lambda n: -output["pred_scores"][n])
        for number in (best[0], best[3], best[6]):
            codes = encode(output["pred_masks"][number])
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "video_id": video["id"],
                    "category_id": output["pred_labels"][number] + 1,
                    "iscrowd": 0,
                    "segmentations": codes,
                    "bboxes": [[0, 0, 1, 1]] * len(codes),
                    "areas": [int(area) for area in coco_mask.area(codes)],
                }
            )
    out.write_text(json.dumps(document))


def test_outputs_and_scores_are_equal(videos: Path, tmp_path: Path) -> None:
    """Scores to 1e-6, every pixel of every mask, and the same AP; labels are such that it is neither 0 nor 100."""
    small = {"DEPTH": 50, "RES2_OUT_CHANNELS": 32, "WIDTH_PER_GROUP": 8}  # detectron2's ResNet-18 has one size only
    path = write_model_yaml(tmp_path, "Vita", RESNETS=RESNET | small)
    content = yaml.safe_load(path.read_text())
    content["DATASETS"] = {"TRAIN": ["ytvis_data_val"], "TEST": ["ytvis_data_val"]}
    path.write_text(yaml.safe_dump(content))
    source = videos / "valid" / "instances.json"
    write_yaml(tmp_path, videos, "data")
    assert run("official", tmp_path) == f"vita is {Path(str(CHECKOUT)).resolve() / 'vita'}"
    label_by(torch.load(tmp_path / "outputs_official.pth"), source, tmp_path / "labels.json")
    place = {"annotations": str(tmp_path / "labels.json"), "frames": str(videos / "valid" / "JPEGImages")}
    write_yaml(tmp_path, videos, "data", valid=place)

    run("official", tmp_path)
    assert run("ours", tmp_path) == f"vita is {TESTS.parent / 'vita'}"
    theirs, ours = (torch.load(tmp_path / f"outputs_{which}.pth") for which in ("official", "ours"))
    assert len(theirs) == len(ours) == 2
    for one, other in zip(theirs, ours, strict=True):
        pairs = list(zip(tracks_of(one), tracks_of(other), strict=True))
        assert len(pairs) == 10 and one["pred_masks"].any()
        assert all(a[:2] == b[:2] for a, b in pairs)
        assert [a[2] for a, _ in pairs] == pytest.approx([b[2] for _, b in pairs], abs=1e-6)
    scores = [(tmp_path / f"scores_{which}.json").read_text() for which in ("official", "ours")]
    assert scores[0] == scores[1] and 1 < json.loads(scores[0])["segm"]["AP"] < 99
