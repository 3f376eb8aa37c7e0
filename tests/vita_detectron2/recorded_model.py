"""Recorded predictions in the place of a model, scored by detectron2's own loader, loop and processes.

As a program, `recorded_model.py YAML PREDICTIONS FOLDER`, it scores them in two processes. Legend: N tracks, T frames,
H W pixels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import detectron2_checkout  # noqa: F401  # makes it importable, also in processes that are started for this file
import torch
from pycocotools import mask as coco_mask


class Recorded(torch.nn.Module):
    """A model that says of a video what a results file says: `pred_labels` are places among its categories."""

    def __init__(self, path: Path, categories: Mapping[int, int]) -> None:
        super().__init__()
        self.entries, self.categories = json.loads(path.read_text()), categories

    def forward(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        (video,) = inputs
        size = video["height"], video["width"]
        found = [one for one in self.entries if one["video_id"] == video["video_id"]]
        masks = torch.zeros(len(found), video["length"], *size, dtype=torch.bool)
        for number, one in enumerate(found):
            for frame, code in enumerate(one["segmentations"]):
                if code is not None:
                    masks[number, frame] = torch.from_numpy(coco_mask.decode(code)).bool()
        return {
            "image_size": size,
            "pred_scores": [one["score"] for one in found],
            "pred_labels": [self.categories[one["category_id"]] for one in found],
            "pred_masks": masks,
        }


def score(yaml: Path, predictions: Path, folder: Path, out: Path | None) -> Any:
    """AP of recorded predictions: data set, loader, loop and processes are detectron2's."""
    from detectron2.data import DatasetCatalog, MetadataCatalog, build_detection_test_loader
    from detectron2.evaluation import inference_on_dataset

    from vita_detectron2.catalogue import register_dataset
    from vita_detectron2.evaluator import YTVISEvaluator

    (name,) = register_dataset(yaml, ["valid"], folder=folder)
    model = Recorded(predictions, MetadataCatalog.get(name).thing_dataset_id_to_contiguous_id)
    loader = build_detection_test_loader(DatasetCatalog.get(name), mapper=lambda record: record)
    evaluator = YTVISEvaluator(name, None, True, None if out is None else str(out))
    return inference_on_dataset(model, loader, evaluator)


def score_here(yaml: Path, predictions: Path, folder: Path) -> None:
    """One process of several."""
    from detectron2.utils import comm

    found = score(yaml, predictions, folder, folder / "out")
    (folder / f"scores{comm.get_rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    from detectron2.engine import launch

    launch(score_here, 2, dist_url="auto", args=tuple(map(Path, sys.argv[1:])))
