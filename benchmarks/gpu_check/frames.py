"""Frames a second of VITA: its detector alone, and whole prediction with masks, as shipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import cast

import torch

from gpu_check.report import Bench, Item, Report
from gpu_check.scenes import Noise, build
from vita.blocks.frame_detector import read_in_chunks
from vita.core.contract import VideoMethod
from vita.core.plugins import find_method
from vita.engine.inference_plan import read_plan
from vita.engine.seeding import seed_everything

TOP_K = 10
ANCHOR = "the authors report 46.1 on a V100"


def items(bench: Bench) -> Iterator[Item]:
    """Both speeds, of one video."""
    yield "frames a second", speeds


@torch.no_grad()
def speeds(report: Report) -> None:
    """After a first call, which loads and compiles what is loaded and compiled once."""
    bench = report.bench
    seed_everything(0, bench.threads)
    model = build(bench, "vita").eval().to(bench.device)
    video = Noise(72, 360, 640, 720, 1280) if bench.is_card else Noise(6, 64, 96, 128, 192)
    plan = read_plan(find_method("vita"), {"intact": {}})

    def detect() -> None:
        for images, _ in read_in_chunks(video, bench.device):
            model.detector(images)  # type: ignore[operator]

    def predict() -> None:
        plan.predict(cast(VideoMethod, model), video, TOP_K)

    predict()
    detector, whole = (len(video) / seconds(bench, work) for work in (detect, predict))
    size = f"{video.height} x {video.width}, masks of {video.out_height} x {video.out_width}"
    anchor = f"; {ANCHOR}" if bench.is_card else ""
    report.note(f"VITA, detector alone, {size}", f"{detector:.1f} frames/s")
    report.note(f"VITA, whole prediction, {size}", f"{whole:.1f} frames/s{anchor}")
    if bench.is_card:
        report.cells |= {"detector_fps": detector, "prediction_fps": whole}


def seconds(bench: Bench, work: Callable[[], None]) -> float:
    """On the clock, until the device is done."""
    bench.wait()
    began = time.perf_counter()
    work()
    bench.wait()
    return time.perf_counter() - began
