"""What becomes of official keys that no key of ours stands for.

A name that ends with a dot holds for all keys below it; what is said of one architecture comes before what is said of
all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["taken", "our constant", "not needed", "not supported"]


@dataclass(frozen=True)
class Fate:
    """What became of one key."""

    kind: Kind
    why: str


@dataclass(frozen=True)
class Fates:
    """Of many keys, by what they have in common."""

    needless: Mapping[str, str] = field(default_factory=dict)  # why the value does not matter
    constant: Mapping[str, Any] = field(default_factory=dict)  # the value that ours always has
    lacking: Mapping[str, str] = field(default_factory=dict)  # what ours does instead, of constants that say too little

    def of(self, key: str, value: Any) -> Fate | None:
        """None when nothing is said of this key."""
        for name in _names(key):
            if name in self.needless:
                return Fate("not needed", self.needless[name])
            if name in self.constant:
                ours = self.constant[name]
                if _plain(value) == _plain(ours):
                    return Fate("our constant", "")
                return Fate("not supported", self.lacking.get(name, f"always {ours!r} here"))
        return None


def fate_of(key: str, value: Any, architecture: str) -> Fate | None:
    """Of a key under one official architecture; None when nothing is said of it."""
    return OF_ARCHITECTURE[architecture].of(key, value) or COMMON.of(key, value)


def _names(key: str) -> list[str]:
    """The key, then its sections from the innermost."""
    parts = key.split(".")
    return [key, *(".".join(parts[:count]) + "." for count in range(len(parts) - 1, 0, -1))]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


LEVELS = ["res2", "res3", "res4", "res5"]
IMAGE_MAPPER = "only the data loader of image Mask2Former reads it"
SGD = "of another optimiser"

COMMON = Fates(
    needless={
        "VERSION": "of detectron2's file format",
        "OUTPUT_DIR": "outputs are written beside config.yaml",
        "CUDNN_BENCHMARK": "changes speed only",
        "VIS_PERIOD": "no pictures are drawn during training",
        "MODEL.DEVICE": "a GPU is taken where there is one",
        "MODEL.LOAD_PROPOSALS": "of detectron2's other models",
        "MODEL.KEYPOINT_ON": "of detectron2's other models",
        "MODEL.MASK_ON": "masks are always predicted",
        "MODEL.RESNETS.DEFORM_MODULATED": "of deformable convolutions",
        "MODEL.RESNETS.DEFORM_NUM_GROUPS": "of deformable convolutions",
        "MODEL.SWIN.PRETRAIN_IMG_SIZE": "only absolute position embeddings read it",
        "MODEL.SWIN.USE_CHECKPOINT": "saves memory, changes no result",
        "MODEL.SEM_SEG_HEAD.IGNORE_VALUE": "of semantic segmentation",
        "MODEL.SEM_SEG_HEAD.LOSS_WEIGHT": "the official code never reads it",
        "MODEL.MASK_FORMER.ENC_LAYERS": "of another pixel decoder",
        "MODEL.MASK_FORMER.TEST.": "of image segmentation; the video models read none of it",
        "INPUT.MASK_FORMAT": "both forms are read",
        "INPUT.DATASET_MAPPER_NAME": IMAGE_MAPPER,
        "INPUT.COLOR_AUG_SSD": IMAGE_MAPPER,
        "INPUT.SIZE_DIVISIBILITY": IMAGE_MAPPER,
        "INPUT.IMAGE_SIZE": IMAGE_MAPPER,
        "INPUT.MIN_SCALE": IMAGE_MAPPER,
        "INPUT.MAX_SCALE": IMAGE_MAPPER,
        "INPUT.CROP.SINGLE_CATEGORY_MAX_AREA": IMAGE_MAPPER,
        "INPUT.CROP.TYPE": "see INPUT.CROP.ENABLED",
        "INPUT.CROP.SIZE": "see INPUT.CROP.ENABLED",
        "SOLVER.MOMENTUM": SGD,
        "SOLVER.NESTEROV": SGD,
        "SOLVER.WEIGHT_DECAY_BIAS": "the official trainers never read it: biases decay like weights, as here",
        "SOLVER.BIAS_LR_FACTOR": "the official trainers never read it",
        "SOLVER.CLIP_GRADIENTS.NORM_TYPE": "the whole model's clipping never reads it: it is the 2-norm, as here",
        "TEST.EXPECTED_RESULTS": "of detectron2's own tests",
        "TEST.EVAL_PERIOD": "prediction and evaluation are steps of their own; see also train.validate_every",
        "TEST.AUG.": "see TEST.AUG.ENABLED",
        "TEST.PRECISE_BN.": "see TEST.PRECISE_BN.ENABLED",
    },
    constant={
        "MODEL.PIXEL_MEAN": [123.675, 116.28, 103.53],
        "MODEL.PIXEL_STD": [58.395, 57.12, 57.375],
        "MODEL.RESNETS.OUT_FEATURES": LEVELS,
        "MODEL.RESNETS.NUM_GROUPS": 1,
        "MODEL.RESNETS.STRIDE_IN_1X1": False,
        "MODEL.RESNETS.RES5_DILATION": 1,
        "MODEL.RESNETS.DEFORM_ON_PER_STAGE": [False] * 4,
        "MODEL.SWIN.PATCH_SIZE": 4,
        "MODEL.SWIN.MLP_RATIO": 4.0,
        "MODEL.SWIN.QKV_BIAS": True,
        "MODEL.SWIN.QK_SCALE": None,
        "MODEL.SWIN.DROP_RATE": 0.0,
        "MODEL.SWIN.ATTN_DROP_RATE": 0.0,
        "MODEL.SWIN.APE": False,
        "MODEL.SWIN.PATCH_NORM": True,
        "MODEL.SWIN.OUT_FEATURES": LEVELS,
        "MODEL.SEM_SEG_HEAD.NAME": "MaskFormerHead",
        "MODEL.SEM_SEG_HEAD.NORM": "GN",
        "MODEL.SEM_SEG_HEAD.PIXEL_DECODER_NAME": "MSDeformAttnPixelDecoder",
        "MODEL.SEM_SEG_HEAD.IN_FEATURES": LEVELS,
        "MODEL.SEM_SEG_HEAD.DEFORMABLE_TRANSFORMER_ENCODER_IN_FEATURES": LEVELS[1:],
        "MODEL.SEM_SEG_HEAD.DEFORMABLE_TRANSFORMER_ENCODER_N_POINTS": 4,
        "MODEL.SEM_SEG_HEAD.DEFORMABLE_TRANSFORMER_ENCODER_N_HEADS": 8,
        "MODEL.SEM_SEG_HEAD.COMMON_STRIDE": 4,
        "MODEL.MASK_FORMER.TRANSFORMER_IN_FEATURE": "multi_scale_pixel_decoder",
        "MODEL.MASK_FORMER.DEEP_SUPERVISION": True,
        "MODEL.MASK_FORMER.NO_OBJECT_WEIGHT": 0.1,
        "MODEL.MASK_FORMER.CLASS_WEIGHT": 2.0,
        "MODEL.MASK_FORMER.MASK_WEIGHT": 5.0,
        "MODEL.MASK_FORMER.DICE_WEIGHT": 5.0,
        "MODEL.MASK_FORMER.DROPOUT": 0.0,
        "MODEL.MASK_FORMER.PRE_NORM": False,
        "MODEL.MASK_FORMER.ENFORCE_INPUT_PROJ": False,
        "MODEL.MASK_FORMER.SIZE_DIVISIBILITY": 32,
        "MODEL.MASK_FORMER.OVERSAMPLE_RATIO": 3.0,
        "MODEL.MASK_FORMER.IMPORTANCE_SAMPLE_RATIO": 0.75,
        "INPUT.FORMAT": "RGB",
        "INPUT.SAMPLING_FRAME_SHUFFLE": False,
        "INPUT.AUGMENTATIONS": [],
        "DATALOADER.ASPECT_RATIO_GROUPING": False,
        "DATALOADER.SAMPLER_TRAIN": None,
        "DATALOADER.FILTER_EMPTY_ANNOTATIONS": True,
        "SOLVER.LR_SCHEDULER_NAME": "WarmupMultiStepLR",
        "SOLVER.WARMUP_METHOD": "linear",
        "SOLVER.OPTIMIZER": "ADAMW",
        "SOLVER.WEIGHT_DECAY_NORM": 0.0,
        "SOLVER.WEIGHT_DECAY_EMBED": 0.0,
        "SOLVER.REFERENCE_WORLD_SIZE": 0,
        "TEST.AUG.ENABLED": False,
        "TEST.PRECISE_BN.ENABLED": False,
    },
    lacking={
        "DATALOADER.ASPECT_RATIO_GROUPING": "clips of both orientations share a batch, padded to a common size",
        "DATALOADER.FILTER_EMPTY_ANNOTATIONS": "videos without an annotated object are always left out",
        "DATALOADER.SAMPLER_TRAIN": "each clip is of a video drawn at random, not of all videos in turn",
    },
)

OF_ARCHITECTURE: dict[str, Fates] = {
    "Vita": Fates(
        needless={
            "MODEL.VITA.MULTI_CLS_ON": "stored but never used by the official code",
            "MODEL.VITA.APPLY_CLS_THRES": "stored but never used by the official code",
            "MODEL.VITA.TEST_RUN_CHUNK_SIZE": "memory only: chunks do not change results",
            "MODEL.VITA.TEST_INTERPOLATE_CHUNK_SIZE": "memory only: chunks do not change results",
            "INPUT.PSEUDO.": "of pseudo-videos, of which this configuration has none",
            "INPUT.LSJ_AUG.": "large-scale jitter is off",
            "DATASETS.DATASET_RATIO": "of several data sets, of which this configuration has one",
        },
        constant={
            "MODEL.BACKBONE.FREEZE_AT": 0,
            "MODEL.MASK_FORMER.TRANSFORMER_DECODER_NAME": "VitaMultiScaleMaskedTransformerDecoder",
            "MODEL.VITA.DROPOUT": 0.0,
            "MODEL.VITA.PRE_NORM": False,
            "MODEL.VITA.ENFORCE_INPUT_PROJ": True,
            "MODEL.VITA.NO_OBJECT_WEIGHT": 0.1,
            "MODEL.VITA.DEEP_SUPERVISION": True,
            "MODEL.VITA.SIM_USE_CLIP": True,
        },
    ),
    "VideoMaskFormer": Fates(
        needless={"TEST.DETECTIONS_PER_IMAGE": "the official code keeps 10, whatever it says; top_k is 10"},
        constant={
            "MODEL.BACKBONE.FREEZE_AT": 0,
            "MODEL.MASK_FORMER.TRANSFORMER_DECODER_NAME": "VideoMultiScaleMaskedTransformerDecoder",
        },
    ),
    "Ifc": Fates(
        needless={
            "SOLVER.WEIGHT_DECAY_NORM": "IFC's trainer never reads it; see SOLVER.WEIGHT_DECAY",
            "TEST.DETECTIONS_PER_IMAGE": "the official code keeps every pair above APPLY_CLS_THRES",
            "MODEL.IFC.MERGE_ON_CPU": "memory only",
        },
        constant={"MODEL.IFC.PRE_NORM": False, "MODEL.IFC.DEEP_SUPERVISION": True},
    ),
}
