"""Predictions of the CPU against the device: every way of inference.

Legend: k tracks, T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from gpu_check.report import Bench, Item, Report
from gpu_check.scenes import METHODS, Noise, build
from vita.blocks.mask_decoding import decode
from vita.core.contract import KEEP_BYTES, Track, VideoMethod, VideoPrediction
from vita.core.plugins import find_method
from vita.engine.inference_plan import read_plan
from vita.engine.seeding import seed_everything
from vita.official.conformance.device import tf32

TOP_K, PIXELS, SCORES = 10, 1e-4, 1e-3
FRAMES = 40  # more than a method keeps in any case, so that it can be streamed
CLIPS = {"through": "clip_association", "clip_frames": 16, "matching": "hungarian"}
VARIANTS: dict[str, dict[str, Any]] = {
    "vita": {"whole": {}, "pruned": {"prune_ratio": 0.5}, "clip association": CLIPS},
    "mask2former_vis": {"whole": {}},
    "ifc": {"whole": {}},
}


def items(bench: Bench) -> Iterator[Item]:
    """A line for each way of inference of each method."""
    for method in METHODS:
        yield f"{method} predictions", partial(compare, method)


def compare(method: str, report: Report) -> None:
    """The same video on both devices; on this one also with features on disk, where the method can."""
    bench, video = report.bench, noise(report.bench)
    seed_everything(0, bench.threads)
    model = build(bench, method).eval()
    with tf32(allowed=False):
        reference = predict(model, method, video, KEEP_BYTES)
        model.to(bench.device)
        whole, streamed = (predict(model, method, video, keep) for keep in (KEEP_BYTES, 1))
    for variant in VARIANTS[method]:
        on_both(report, f"{method} {variant}, CPU and here", whole.tracks[variant], reference.tracks[variant], False)
    if streamed.streamed:
        for variant in VARIANTS[method]:
            name = f"{method} {variant}, streamed and in memory"
            on_both(report, name, streamed.tracks[variant], whole.tracks[variant], True)


def noise(bench: Bench) -> Noise:
    """Small on a card too: the CPU predicts it as well."""
    return Noise(FRAMES, 96, 160, 192, 320) if bench.is_card else Noise(FRAMES, 32, 48, 64, 96)


@torch.no_grad()
def predict(model: nn.Module, method: str, video: Noise, keep_bytes: int) -> VideoPrediction:
    """All variants."""
    plan = read_plan(find_method(method), VARIANTS[method])
    return plan.predict(cast(VideoMethod, model), video, TOP_K, keep_bytes)


def on_both(report: Report, name: str, ours: list[Track], theirs: list[Track], also_on_cpu: bool) -> None:
    """The same labels in one order, scores and pixels."""
    same, scores, pixels = difference(ours, theirs)
    figure = f"{len(ours)} and {len(theirs)} tracks, scores differ by {scores:.1e}, pixels by {pixels:.1e}"
    wanted = f"the same tracks, scores < {SCORES:g}, pixels < {PIXELS:g}"
    hold = report.held if also_on_cpu else report.held_on_card
    hold(name, figure, wanted, same and scores < SCORES and pixels < PIXELS)


def difference(ours: list[Track], theirs: list[Track]) -> tuple[bool, float, float]:
    """Whether labels are equal, the largest difference of scores, and the share of pixels that differ."""
    if not theirs or [track.label for track in ours] != [track.label for track in theirs]:
        return False, 1.0, 1.0
    scores = max(abs(one.score - other.score) for one, other in zip(ours, theirs, strict=True))
    a, b = (decode([track.segmentations for track in tracks]) for tracks in (ours, theirs))
    return True, scores, float(np.mean(a != b))
