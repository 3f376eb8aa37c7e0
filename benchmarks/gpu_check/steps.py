"""Training steps: time, memory, and whether the loss falls, in 32 bits and in half precision."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from statistics import mean, median
from typing import cast

import torch
from torch import nn

from gpu_check.report import Bench, Item, Report
from gpu_check.scenes import METHODS, build, clips
from vita.core.contract import Clip, Losses, VideoMethod
from vita.core.run_config import TrainConfig
from vita.engine.batch_transfer import to_device
from vita.engine.optimizer import build_optimizer
from vita.engine.seeding import seed_everything

STEPS, FIRST, RATIO = 30, 5, 1.5
PRECISIONS = (torch.float32, torch.bfloat16, torch.float16)
# 32 bits are enough of a CPU but for one method; fp16 needs a card.
ON_CPU = {"vita": PRECISIONS[:1], "mask2former_vis": PRECISIONS[:1], "ifc": PRECISIONS[:2]}
SCHEDULE = TrainConfig(iterations=STEPS, clips_per_batch=2, clip_frames=5, frame_range=5, learning_rate=1e-4)


@dataclass(frozen=True)
class Steps:
    """losses: one a step.  milliseconds: the median of a step, without the first ones.  memory: peak, in GiB."""

    losses: list[float]
    milliseconds: float
    memory_gib: float


def items(bench: Bench) -> Iterator[Item]:
    """On a card VITA with R101 too."""
    for method in METHODS:
        yield f"{method} R50 steps", partial(in_all_precisions, method, "r50")
    if bench.is_card:
        yield "vita R101 steps", partial(in_all_precisions, "vita", "r101")


def in_all_precisions(method: str, backbone: str, report: Report) -> None:
    """A line of losses for each precision, and one that compares it with 32 bits."""
    bench = report.bench
    name = f"{method} {backbone.upper() if bench.is_card else 'tiny'}"
    full: Steps | None = None
    for dtype in PRECISIONS if bench.is_card else ON_CPU[method]:
        said = str(dtype).removeprefix("torch.")
        found = steps(bench, method, backbone, dtype)
        falls = mean(found.losses[-FIRST:]) < mean(found.losses[:FIRST])
        curve = f"{found.losses[0]:.3g} to {found.losses[-1]:.3g}"
        finite = all(map(math.isfinite, found.losses))
        report.held(f"{name} {said}, loss of {len(found.losses)} steps", curve, "falls, no NaN", finite and falls)
        memory = f", {found.memory_gib:.2f} GiB at most" if bench.is_card else ""
        report.note(f"{name} {said}, a step", f"{found.milliseconds:.0f} ms{memory}")
        if (method, backbone) == ("vita", "r50") and bench.is_card:
            report.cells |= {f"step_{said}_ms": found.milliseconds, f"step_{said}_gib": found.memory_gib}
        if full is None:
            full = found
        else:
            ratio = full.milliseconds / found.milliseconds
            report.told_on_card(f"{name} {said} against 32 bits", f"{ratio:.2f} times", f">= {RATIO}", ratio >= RATIO)


def steps(bench: Bench, method: str, backbone: str, dtype: torch.dtype) -> Steps:
    """Optimiser steps on one batch, as the trainer takes them."""
    seed_everything(0, bench.threads)
    model = build(bench, method, backbone).train().to(bench.device)
    batch = to_device(clips(2, *((5, 360, 640) if bench.is_card else (2, 64, 96))), bench.device)
    optimizer = build_optimizer(model, cast(VideoMethod, model).backbone_parameters(), SCHEDULE)
    scaler = torch.amp.GradScaler(bench.device.type, enabled=dtype is torch.float16)
    if bench.is_card:
        torch.cuda.reset_peak_memory_stats()
    losses, times = [], []
    for _ in range(STEPS):
        began = time.perf_counter()
        losses.append(step(model, batch, optimizer, scaler, dtype))
        bench.wait()
        times.append(time.perf_counter() - began)
    memory = torch.cuda.max_memory_allocated() / 2**30 if bench.is_card else math.nan
    return Steps(losses, 1e3 * median(times[FIRST:]), memory)


def step(
    model: nn.Module,
    batch: list[Clip],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    dtype: torch.dtype,
) -> float:
    """One step; returns its loss."""
    half = torch.autocast(batch[0].frames.device.type, dtype=dtype) if dtype is not torch.float32 else nullcontext()
    with half:
        losses: Losses = model(batch)
    scaler.scale(losses.total).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), SCHEDULE.gradient_clip_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return losses.total.item()
