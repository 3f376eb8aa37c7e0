"""How much a network has to compute, counted on models without memory.

The count is for two frames at one size, and scaled with the number of frames and of pixels: attention between frames,
which grows faster, is a small part of it.
"""

from __future__ import annotations

import json
from functools import cache

import torch

from vita.config import AugmentationConfig, PredictConfig, RunConfig
from vita.contract import CountedMethod
from vita.dataset_config import DatasetConfig
from vita.engine.methods import find_method
from vita.model_card import count_parameters, count_work

BACKWARD = 2  # a backward pass is about twice the work of a forward pass
STORED_SIZE = (720, 1280)  # of frames of real data sets, in pixels, where the configuration does not say
FRAMES, SIZE, TOP_K, CLASSES = 2, (288, 512), 10, 40  # of the count


def gflop_per_iteration(config: RunConfig) -> float:
    """Of one training step on all clips of a batch; NaN for a method that cannot be counted."""
    height, width = training_size(config)
    frames = config.train.clips_per_batch * config.train.clip_frames
    return (1 + BACKWARD) * frames * _gflop_per_pixel(config) * height * width


def gflop_per_frame(config: RunConfig, predict: PredictConfig) -> float:
    """Of predicting one frame once; NaN for a method that cannot be counted."""
    height, width = _resized(stored_size(config.dataset), predict.short_edge)
    return _gflop_per_pixel(config) * height * width


def parameters(config: RunConfig) -> int:
    """Of the whole model."""
    return _counted(config.method, json.dumps(config.options, sort_keys=True))[0]


def training_size(config: RunConfig) -> tuple[float, float]:
    """Typical height and width of a training frame, in pixels."""
    augmentation: AugmentationConfig = config.train.augmentation
    if augmentation.jitter is not None:
        return float(augmentation.jitter.size), float(augmentation.jitter.size)
    edges = augmentation.short_edges
    return _resized(stored_size(config.dataset), sum(edges) / len(edges) if edges else None)


def stored_size(dataset: DatasetConfig) -> tuple[int, int]:
    """Height and width of stored frames, in pixels."""
    return (dataset.shapes.height, dataset.shapes.width) if dataset.shapes else STORED_SIZE


def _resized(size: tuple[int, int], short_edge: float | None) -> tuple[float, float]:
    scale = 1.0 if short_edge is None else short_edge / min(size)
    return size[0] * scale, size[1] * scale


def _gflop_per_pixel(config: RunConfig) -> float:
    return _counted(config.method, json.dumps(config.options, sort_keys=True))[1]


@cache
def _counted(method: str, options: str) -> tuple[int, float]:
    """Parameters, and giga operations of a forward pass for one pixel of one frame."""
    with torch.device("meta"):
        model = find_method(method).build(json.loads(options), CLASSES)
    model = model.to("meta").eval().requires_grad_(False)
    if not isinstance(model, CountedMethod):
        return count_parameters(model), float("nan")
    video = torch.empty(FRAMES, 3, *SIZE, dtype=torch.uint8, device="meta")
    total = count_work(model, model.image_detector, video).total
    return count_parameters(model), total / 1e9 / (FRAMES * SIZE[0] * SIZE[1])
