"""How much a network has to compute, counted on models without memory.

The count is for two frames at one size, and scaled with the number of frames and of pixels: attention between frames,
which grows faster, is a small part of it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import torch
from transformers.utils import logging

from vita.core.contract import CountedMethod
from vita.core.plugins import find_method
from vita.core.progress import say
from vita.core.run_config import PredictConfig, RunConfig
from vita.engine.counting import count_parameters, count_work
from vita.experiments.planning.costs import UNKNOWN, Cost
from vita.experiments.planning.measured import Measured
from vita.experiments.planning.run_kinds import predicted_size, training_pixels

BACKWARD = 2  # a backward pass is about twice the work of a forward pass
FRAMES, SIZE, TOP_K, CLASSES = 2, (288, 512), 10, 40  # of the count

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
_work: dict[tuple[str, Shapes], float] = {}  # -> GFLOP a pixel


def gflop_per_iteration(config: RunConfig) -> float:
    """Giga operations of one training step on all clips of a batch; NaN for a method that cannot be counted."""
    frames = config.train.clips_per_batch * config.train.clip_frames
    return (1 + BACKWARD) * frames * training_pixels(config) * _gflop_per_pixel(config)


def gflop_per_frame(config: RunConfig, plan: PredictConfig) -> float:
    """Giga operations of predicting one frame once; NaN for a method that cannot be counted."""
    height, width = predicted_size(config.dataset, plan)
    return height * width * _gflop_per_pixel(config)


def parameters(config: RunConfig) -> int:
    """Count the parameters of the whole model."""
    return _sizes(config.method, json.dumps(config.options, sort_keys=True))[0]


def with_work(run: Measured) -> Cost:
    """A run's cost, with how much it computed."""
    per_frame = gflop_per_frame(run.config, run.plan) if run.plan else UNKNOWN
    return replace(run.cost, gflop_per_iteration=gflop_per_iteration(run.config), gflop_per_frame=per_frame)


def _gflop_per_pixel(config: RunConfig) -> float:
    options = json.dumps(config.options, sort_keys=True)
    # Many training variants differ in losses alone: what has the same weights computes the same.
    key = (config.method, _sizes(config.method, options)[1])
    if key not in _work:
        say(f"Counting the work of {config.method}, {config.backbone}, which takes some seconds ...")
        _work[key] = _count(config.method, options)
    return _work[key]


@cache
def _sizes(method: str, options: str) -> tuple[int, Shapes]:
    """Number of parameters, and name and shape of every weight."""
    model = _build(method, options)
    return count_parameters(model), tuple((name, tuple(value.shape)) for name, value in model.state_dict().items())


def _count(method: str, options: str) -> float:
    """Giga operations of a forward pass for one pixel of one frame."""
    model = _build(method, options)
    if not isinstance(model, CountedMethod):
        return UNKNOWN
    video = torch.empty(FRAMES, 3, *SIZE, dtype=torch.uint8, device="meta")
    return count_work(model, model.image_detector, video).total / 1e9 / (FRAMES * SIZE[0] * SIZE[1])


@cache
def _build(method: str, options: str) -> torch.nn.Module:
    """Without memory for its weights, so that all of a tier's may be kept."""
    logging.set_verbosity_error()  # the library warns of every backbone but Swin
    with torch.device("meta"):
        model = find_method(method).build(json.loads(options), CLASSES)
    return model.to("meta").eval().requires_grad_(False)
