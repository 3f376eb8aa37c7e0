"""Official keys of schedule, optimiser, sampling and sizes -> our training and prediction sections.

Where the official code can do what ours cannot, `notes` gains the key and what ours does instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vita.official.configs.augmentation import video_augmentation
from vita.official.configs.keys import KeyStatus

Config = Mapping[str, Any]
Notes = dict[str, KeyStatus]

SAMPLING = {  # ours -> theirs, where the value is the same
    "clips_per_batch": "SOLVER.IMS_PER_BATCH",
    "clip_frames": "INPUT.SAMPLING_FRAME_NUM",
    "frame_range": "INPUT.SAMPLING_FRAME_RANGE",
    "workers": "DATALOADER.NUM_WORKERS",
    "checkpoint_every": "SOLVER.CHECKPOINT_PERIOD",
}
SOLVER = {
    "iterations": "SOLVER.MAX_ITER",
    "learning_rate": "SOLVER.BASE_LR",
    "backbone_multiplier": "SOLVER.BACKBONE_MULTIPLIER",
    "weight_decay": "SOLVER.WEIGHT_DECAY",
    "decay_factor": "SOLVER.GAMMA",
}
INFERENCE = {  # by architecture: option of an inference variant -> key
    "Ifc": {
        "clip_frames": "INPUT.SAMPLING_FRAME_NUM",
        "stride": "MODEL.IFC.CLIP_STRIDE",
        "multi_class": "MODEL.IFC.MULTI_CLS_ON",
        "class_threshold": "MODEL.IFC.APPLY_CLS_THRES",
    },
}


def train_section(config: Config, notes: Notes) -> dict[str, Any]:
    """A TrainConfig's keys."""
    return {
        **{ours: config[theirs] for ours, theirs in SAMPLING.items()},
        **solver_settings(config, notes),
        "precision": "fp16" if config["SOLVER.AMP.ENABLED"] else "no",
        "augmentation": video_augmentation(config, notes),
    }


def solver_settings(config: Config, notes: Notes) -> dict[str, Any]:
    """Those keys of a TrainConfig that say how weights are updated."""
    return {
        **{ours: config[theirs] for ours, theirs in SOLVER.items()},
        "decay_everything": "MODEL.IFC.NHEADS" in config,  # IFC's trainer makes no exceptions
        "warmup_iterations": _warmup(config, notes),
        "decay_at": [step for step in config["SOLVER.STEPS"] if step < config["SOLVER.MAX_ITER"]],
        "gradient_clip_norm": _clip_norm(config, notes),
    }


def predict_section(config: Config, architecture: str) -> dict[str, Any]:
    """A PredictConfig's keys, with one variant: as released. Only VITA reads how many predictions to keep."""
    options = {option: config[key] for option, key in INFERENCE.get(architecture, {}).items()}
    top_k = {"top_k": config["TEST.DETECTIONS_PER_IMAGE"]} if architecture == "Vita" else {}
    return {
        "variants": {"intact": options},
        **top_k,
        "short_edge": config["INPUT.MIN_SIZE_TEST"] or None,  # 0 there: no resizing
        "max_edge": config["INPUT.MAX_SIZE_TEST"],
    }


def _warmup(config: Config, notes: Notes) -> int:
    """A factor of 1 is no warm-up at all; ours begins at 1/n of the rate."""
    factor, iterations = config["SOLVER.WARMUP_FACTOR"], config["SOLVER.WARMUP_ITERS"]
    if factor == 1.0 or not iterations:
        return 0
    notes["SOLVER.WARMUP_FACTOR"] = KeyStatus(
        "not supported", f"warm-up begins at 1/{iterations} of the learning rate here"
    )
    return int(iterations)


def _clip_norm(config: Config, notes: Notes) -> float:
    """Infinity where the whole model's gradient is not clipped."""
    key = "SOLVER.CLIP_GRADIENTS"
    value, kind = config[f"{key}.CLIP_VALUE"], config[f"{key}.CLIP_TYPE"]
    if not config[f"{key}.ENABLED"] or value <= 0:
        return math.inf
    if kind == "full_model":
        return float(value)
    notes[f"{key}.CLIP_TYPE"] = KeyStatus(
        "not supported", "gradients of single parameters are not clipped here, none is"
    )
    return math.inf
