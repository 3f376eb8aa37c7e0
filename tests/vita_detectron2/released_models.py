"""Released configurations with tiny sizes, for detectron2, and entries of loaders.

Legend: T frames, N objects, H W pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml

OUT = ["res2", "res3", "res4", "res5"]
RESNET = {
    "DEPTH": 18,
    "STEM_OUT_CHANNELS": 8,
    "RES2_OUT_CHANNELS": 8,
    "STRIDE_IN_1X1": False,
    "OUT_FEATURES": OUT,
}
IMAGES = {"PIXEL_MEAN": [123.675, 116.28, 103.53], "PIXEL_STD": [58.395, 57.12, 57.375], "DEVICE": "cpu"}
MASK_FORMER = {
    "TRANSFORMER_IN_FEATURE": "multi_scale_pixel_decoder",
    "CLASS_WEIGHT": 2.0,
    "MASK_WEIGHT": 5.0,
    "DICE_WEIGHT": 5.0,
    "DROPOUT": 0.0,
    "DEC_LAYERS": 3,
    "HIDDEN_DIM": 32,
    "DIM_FEEDFORWARD": 16,
    "NUM_OBJECT_QUERIES": 7,
    "TRAIN_NUM_POINTS": 64,
}
HEAD = {
    "NAME": "MaskFormerHead",
    "PIXEL_DECODER_NAME": "MSDeformAttnPixelDecoder",
    "IN_FEATURES": OUT,
    "CONVS_DIM": 32,
    "MASK_DIM": 32,
    "TRANSFORMER_ENC_LAYERS": 1,
    "NUM_CLASSES": 3,
}
VITA = {
    "ENC_WINDOW_SIZE": 2,
    "HIDDEN_DIM": 32,
    "DIM_FEEDFORWARD": 16,
    "ENC_LAYERS": 2,
    "DEC_LAYERS": 2,
    "NUM_OBJECT_QUERIES": 6,
    "LAST_LAYER_NUM": 2,
}
IFC = {
    "HIDDEN_DIM": 32,
    "DIM_FEEDFORWARD": 16,
    "ENC_LAYERS": 1,
    "DEC_LAYERS": 2,
    "NUM_OBJECT_QUERIES": 6,
    "NUM_CLASSES": 3,
    "NUM_MEMORY_BUS": 2,
}
FROZEN_NOTHING = {"NAME": "build_resnet_backbone", "FREEZE_AT": 0}
BY_ARCHITECTURE: dict[str, dict[str, Any]] = {
    "Vita": {
        "BACKBONE": FROZEN_NOTHING,
        "SEM_SEG_HEAD": HEAD,
        "MASK_FORMER": MASK_FORMER | {"TRANSFORMER_DECODER_NAME": "VitaMultiScaleMaskedTransformerDecoder"},
        "VITA": VITA,
    },
    "VideoMaskFormer": {
        "BACKBONE": FROZEN_NOTHING,
        "SEM_SEG_HEAD": HEAD,
        "MASK_FORMER": MASK_FORMER | {"TRANSFORMER_DECODER_NAME": "VideoMultiScaleMaskedTransformerDecoder"},
    },
    "Ifc": {"IFC": IFC},
}
SOLVER = {"MAX_ITER": 3, "STEPS": [], "IMS_PER_BATCH": 2, "BASE_LR": 0.001, "WARMUP_ITERS": 0, "OPTIMIZER": "ADAMW"}


def write_model_yaml(folder: Path, architecture: str, **model: Any) -> Path:
    """A YAML file of a tiny model, in the words of its release; `model` changes keys of its section MODEL."""
    content = {
        "MODEL": {
            "META_ARCHITECTURE": architecture,
            **IMAGES,
            "RESNETS": RESNET,
            **BY_ARCHITECTURE[architecture],
            **model,
        },
        "INPUT": {"FORMAT": "RGB", "SAMPLING_FRAME_NUM": 2, "MIN_SIZE_TEST": 32, "MAX_SIZE_TEST": 96},
        "DATALOADER": {"NUM_WORKERS": 0},
        "SOLVER": SOLVER,
        "TEST": {"DETECTIONS_PER_IMAGE": 10},
        "OUTPUT_DIR": str(folder / "output"),
    }
    path = folder / f"{architecture}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def configured(path: Path, architecture: str) -> Any:
    """detectron2's configuration of it."""
    from detectron2.config import get_cfg

    from vita_detectron2.architectures.config import add_config

    cfg = get_cfg()
    add_config(cfg, architecture)
    cfg.merge_from_file(str(path))
    return cfg


def build(path: Path, architecture: str, seed: int = 0) -> Any:
    """Our model, as detectron2 builds it."""
    from detectron2.modeling import build_model

    from vita_detectron2.architectures.models import register_architectures

    register_architectures()
    torch.manual_seed(seed)
    return build_model(configured(path, architecture))


def loaded(masks: torch.Tensor, classes: list[int], seed: int = 0) -> dict[str, Any]:
    """A loader's entry in training: noise, and objects of masks (N, T, H, W), known to be there where they are seen."""
    from detectron2.structures import BitMasks, Instances

    size = tuple(masks.shape[2:])
    random = torch.Generator().manual_seed(seed)
    images, instances = [], []
    for shown in masks.unbind(1):
        seen = shown.flatten(1).any(1)
        one = Instances(size)
        one.gt_classes = torch.where(seen, torch.tensor(classes), -1)
        one.gt_ids = torch.where(seen, torch.arange(10, 10 + len(classes)), -1)
        one.gt_masks = BitMasks(shown)
        images.append(torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=random))
        instances.append(one)
    return {"image": images, "instances": instances, "height": size[0], "width": size[1], "video_id": 4}


def two_objects(frames: int = 2) -> torch.Tensor:
    """Masks (2, T, 32, 64) of two boxes; the second is not there in the first frame."""
    masks = torch.zeros(2, frames, 32, 64, dtype=torch.bool)
    masks[0, :, 4:20, 6:30] = True
    masks[1, 1:, 10:28, 36:60] = True
    return masks
