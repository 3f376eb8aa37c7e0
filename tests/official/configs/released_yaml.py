"""The released VITA configurations written by hand: the same facts, named or left out as there, in our own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHARED = """
VERSION: 2
MODEL:
  META_ARCHITECTURE: Vita
  MASK_ON: True
  BACKBONE: {NAME: build_resnet_backbone, FREEZE_AT: 0}
  PIXEL_MEAN: [123.675, 116.280, 103.530]
  PIXEL_STD: [58.395, 57.120, 57.375]
  RESNETS: {DEPTH: 50, STEM_TYPE: basic, STRIDE_IN_1X1: False, OUT_FEATURES: [res2, res3, res4, res5]}
  SEM_SEG_HEAD:
    NAME: MaskFormerHead
    CONVS_DIM: 256
    MASK_DIM: 256
    PIXEL_DECODER_NAME: MSDeformAttnPixelDecoder
    IN_FEATURES: [res2, res3, res4, res5]
    TRANSFORMER_ENC_LAYERS: 6
  MASK_FORMER:
    TRANSFORMER_DECODER_NAME: VitaMultiScaleMaskedTransformerDecoder
    TRANSFORMER_IN_FEATURE: multi_scale_pixel_decoder
    CLASS_WEIGHT: 2.0
    MASK_WEIGHT: 5.0
    DICE_WEIGHT: 5.0
    DROPOUT: 0.0
    DEC_LAYERS: 10  # one more than layers
    TEST: {SEMANTIC_ON: False, INSTANCE_ON: True, OBJECT_MASK_THRESHOLD: 0.8, OVERLAP_THRESHOLD: 0.8}
SOLVER:
  WARMUP_FACTOR: 1.0
  WARMUP_ITERS: 10
  WEIGHT_DECAY: 0.05
  CLIP_GRADIENTS: {ENABLED: True, CLIP_TYPE: full_model, CLIP_VALUE: 0.01}
  AMP: {ENABLED: True}
INPUT: {FORMAT: RGB}
DATALOADER: {NUM_WORKERS: 8}
"""
VIDEOS = """
_BASE_: shared.yaml
MODEL:
  VITA: {ENC_WINDOW_SIZE: 6}
SOLVER: {IMS_PER_BATCH: 8, BASE_LR: 0.00005}
INPUT:
  MIN_SIZE_TRAIN: (288, 320, 352, 384, 416, 448, 480, 512)
  MAX_SIZE_TRAIN: 768
  MIN_SIZE_TRAIN_SAMPLING: choice_by_clip
  MIN_SIZE_TEST: 360
  RANDOM_FLIP: flip_by_clip
  SAMPLING_FRAME_NUM: 6
  SAMPLING_FRAME_RANGE: 8
  CROP: {ENABLED: True, TYPE: absolute_range, SIZE: "(384, 600)"}
  PSEUDO:
    MIN_SIZE_TRAIN: (288, 320, 352, 384, 416, 448, 480, 512)
    CROP: {ENABLED: True}
  LSJ_AUG: {IMAGE_SIZE: 768}
TEST: {DETECTIONS_PER_IMAGE: 10}
"""
DATA = {
    "youtubevis_2019": """
_BASE_: videos.yaml
MODEL: {SEM_SEG_HEAD: {NUM_CLASSES: 40}}
DATASETS:
  DATASET_RATIO: [1.0, 0.75]
  TRAIN: ("coco2ytvis2019_train", "ytvis_2019_train")
  TEST: ("ytvis_2019_val",)
SOLVER: {MAX_ITER: 140000, STEPS: "(75000,)"}
INPUT: {SAMPLING_FRAME_NUM: 5, SAMPLING_FRAME_RANGE: 20}
""",
    "youtubevis_2021": """
_BASE_: videos.yaml
MODEL: {SEM_SEG_HEAD: {NUM_CLASSES: 40}}
DATASETS:
  DATASET_RATIO: [1.0, 0.8]
  TRAIN: ("coco2ytvis2021_train", "ytvis_2021_train")
  TEST: ("ytvis_2021_val",)
SOLVER: {MAX_ITER: 187500, STEPS: "(100000,)"}
""",
    "ovis": """
_BASE_: videos.yaml
MODEL: {SEM_SEG_HEAD: {NUM_CLASSES: 25}}
DATASETS:
  DATASET_RATIO: [1.0, 0.25]
  TRAIN: ("coco2ovis_train", "ovis_train")
  TEST: ("ovis_val",)
SOLVER: {MAX_ITER: 150000, STEPS: "(50000, 125000)"}
TEST: {DETECTIONS_PER_IMAGE: 20}
""",
    "coco": """
_BASE_: shared.yaml
MODEL:
  WEIGHTS: detectron2://ImageNetPretrained/torchvision/R-50.pkl
  SEM_SEG_HEAD: {NUM_CLASSES: 80}
DATASETS:
  TRAIN: ("coco_2017_train",)
  TEST: ("coco_2017_val",)
SOLVER: {IMS_PER_BATCH: 16, BASE_LR: 1e-4, MAX_ITER: 368750, STEPS: "(327778, 355092)"}
INPUT:
  SAMPLING_FRAME_NUM: 1
  LSJ_AUG: {ENABLED: True}
""",
}
SWIN = """
MODEL:
  WEIGHTS: vita_swin_coco.pth
  BACKBONE: {NAME: D2SwinTransformer}
  SWIN: {EMBED_DIM: 192, DEPTHS: [2, 2, 18, 2], NUM_HEADS: [6, 12, 24, 48], WINDOW_SIZE: 12, PRETRAIN_IMG_SIZE: 384}
  MASK_FORMER: {NUM_OBJECT_QUERIES: 200}
"""
LEAVES = {
    "vita_R50_bs8": "MODEL: {WEIGHTS: vita_r50_coco.pth}",
    "vita_R101_bs8": "MODEL: {WEIGHTS: vita_r101_coco.pth, RESNETS: {DEPTH: 101}}",
    "vita_SWIN_bs8": f"{SWIN}INPUT: {{MIN_SIZE_TEST: 448}}",
    "vita_R50_bs16_50ep": "",
    "vita_swin_large_IN21k_384_bs16_100ep_lsj": f"{SWIN}SOLVER: {{MAX_ITER: 737500, STEPS: '(655556, 710184)'}}",
}

EXPECTED = json.loads((Path(__file__).parent / "resolved_vita.json").read_text())
NAMES = list(EXPECTED["files"])


def write_released(folder: Path, name: str) -> Path:
    """One released file and all that it inherits, below `folder`."""
    data, leaf = name.split("/")
    for base, text in {"shared": SHARED, "videos": VIDEOS, **DATA}.items():
        (folder / f"{base}.yaml").write_text(text)
    path = folder / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"_BASE_: ../{data}.yaml\n{LEAVES[leaf]}\n")
    return path


def expected(name: str) -> dict[str, Any]:
    """What the official code makes of that file: values by flat key, and "multiplier_at_iter" of its schedule."""
    return {**EXPECTED["all"], **EXPECTED["files"][name]}
