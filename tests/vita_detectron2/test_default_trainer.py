"""Our models under detectron2's own trainer: steps, checkpoints, and evaluation at the end.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from detectron2_checkout import needs_detectron2
from PIL import Image
from pycocotools import mask as coco_mask
from released_models import BY_ARCHITECTURE, configured, write_model_yaml
from shapes_yaml import write_yaml

pytestmark = needs_detectron2


def read(record: dict[str, Any], frames: list[int]) -> dict[str, Any]:
    """A loader's entry of some frames of a record, as mappers of VIS projects make it, without augmentation."""
    from detectron2.structures import BitMasks, Instances

    size = record["height"], record["width"]
    numbers = {one["id"]: None for t in frames for one in record["annotations"][t]}
    images, instances = [], []
    for t in frames:
        here = {one["id"]: one for one in record["annotations"][t]}
        masks = [coco_mask.decode(here[id]["segmentation"]) if id in here else np.zeros(size) for id in numbers]
        one = Instances(size)
        one.gt_classes = torch.tensor([here[id]["category_id"] if id in here else -1 for id in numbers])
        one.gt_ids = torch.tensor([id if id in here else -1 for id in numbers])
        one.gt_masks = BitMasks(torch.from_numpy(np.stack(masks)).bool())
        images.append(torch.from_numpy(np.array(Image.open(record["file_names"][t]))).permute(2, 0, 1))
        instances.append(one)
    kept = {key: record[key] for key in ("height", "width", "video_id")}
    return {**kept, "image": images, "instances": instances, "frame_idx": frames}


@pytest.fixture
def trainer(videos: Path, tmp_path: Path) -> Any:
    """Makes a trainer of an architecture whose checkpoints lie in a folder, on our data and with our evaluator."""
    from detectron2.data import DatasetCatalog, build_detection_test_loader, build_detection_train_loader
    from detectron2.engine import DefaultTrainer

    from vita_detectron2.architectures.models import register_architectures
    from vita_detectron2.catalogue import register_dataset
    from vita_detectron2.evaluator import YTVISEvaluator

    register_architectures()
    train, valid = register_dataset(write_yaml(tmp_path, videos), folder=tmp_path)

    class Trainer(DefaultTrainer):  # type: ignore[misc]
        @classmethod
        def build_train_loader(cls, cfg: Any) -> Any:
            records = DatasetCatalog.get(train)
            return build_detection_train_loader(
                records, mapper=lambda record: read(record, [0, 3]), total_batch_size=cfg.SOLVER.IMS_PER_BATCH
            )

        @classmethod
        def build_test_loader(cls, cfg: Any, name: str) -> Any:
            return build_detection_test_loader(DatasetCatalog.get(name), mapper=lambda one: read(one, list(range(6))))

        def build_writers(self) -> list[Any]:
            return []  # one of them needs tensorboard

        @classmethod
        def build_evaluator(cls, cfg: Any, name: str) -> Any:
            return YTVISEvaluator(name, cfg, True, cfg.OUTPUT_DIR)

    def make(architecture: str, **keys: Any) -> Any:
        cfg = configured(write_model_yaml(tmp_path, architecture), architecture)
        cfg.merge_from_list([one for pair in {"DATASETS.TEST": (valid,), "SEED": 1, **keys}.items() for one in pair])
        Path(cfg.OUTPUT_DIR).mkdir(exist_ok=True)
        return Trainer(cfg)

    return make


@pytest.mark.parametrize("architecture", sorted(BY_ARCHITECTURE))
def test_steps_a_checkpoint_and_scores(architecture: str, trainer: Any, tmp_path: Path) -> None:
    first = trainer(architecture)
    before = {name: tensor.clone() for name, tensor in first.model.state_dict().items()}
    first.train()
    scores = first._last_eval_results
    assert set(scores["segm"]) >= {"AP", "AP_low", "AP_high", "AP-disc"}
    assert (tmp_path / "output" / "results.json").exists() and (tmp_path / "output" / "metrics.json").exists()
    after = first.model.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    trained = {name for name, parameter in first.model.named_parameters() if parameter.requires_grad}
    assert len(moved) > len(after) / 3 and trained
    assert not [name for name in moved if "running_" in name or "empty_weight" in name]
    losses = first.storage.histories()
    assert {f"loss_{kind}" for kind in LOSSES[architecture]} <= set(losses)

    # Another trainer goes on from the file: the same weights, the same state of the optimiser, two steps more.
    second = trainer(architecture, **{"SOLVER.MAX_ITER": 5})
    second.resume_or_load(resume=True)
    assert second.start_iter == 3
    again = second.model.state_dict()
    assert again.keys() == after.keys() and all(torch.equal(again[name], after[name]) for name in after)
    states = (one.optimizer.state_dict()["state"] for one in (first, second))
    for one, other in zip(*(state.values() for state in states), strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one if isinstance(one[key], torch.Tensor))
    second.train()
    assert second.iter == 5 and any(not torch.equal(second.model.state_dict()[name], after[name]) for name in after)


OF_SETS = ("classification", "mask", "dice")
LOSSES = {
    "Vita": [*(f"{level}_{kind}" for level in ("frame", "video") for kind in OF_SETS), "similarity"],
    "VideoMaskFormer": [f"video_{kind}" for kind in OF_SETS],
    "Ifc": [f"clip_{kind}" for kind in OF_SETS],
}
