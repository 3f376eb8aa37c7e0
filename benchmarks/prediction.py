"""What more inference variants cost beside one: they share one pass of the detector.

Four prune ratios, and all variants that the smoke tier asks of VITA's base weights: windows, prune ratios, controls,
and clips of two lengths, each associated in two ways.

Run: python benchmarks/prediction.py [--help]. Times are of prediction and of writing it as JSON; start-up, building the
model and reading frames are left out. The ratios count, not the seconds: each repetition times all, so that a busy
machine slows them alike; the ratio of processor time hardly depends on what else the machine does.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, cast

import torch
import typer
from tabulate import tabulate
from torch import Tensor, nn
from transformers.utils import logging

from vita.core.contract import FrameSource, VideoMethod
from vita.core.dataset_config import ShapesConfig
from vita.data.synthetic.write import draw_video
from vita.engine.checkpoint import load_weights
from vita.engine.inference_plan import InferencePlan, read_plan
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file, overlay
from vita.experiments.run_table import RunTable
from vita.model.method import definition

LIBRARY = Path(__file__).parents[1] / "workflow" / "config"
ONE, FOUR = ("intact",), ("intact", "prune75", "prune50", "prune25")
# Ratios of processor time allowed: of four variants, and of all. Masks of random weights are ragged and fill the frame,
# so that decoding them takes seven times as long as it does after training.
TRAINED, RANDOM = (1.6, 2.5), (1.6, 3.5)
TOP_K = 10


@dataclass(frozen=True)
class Case:
    """A model by its names in methods/vita.yaml, and the video that it sees."""

    name: str
    preset: str
    backbone: str
    classes: int
    height: int
    width: int
    frames: int
    repetitions: int


class PaintedFrames:
    """A `FrameSource` of an embedded video in memory: its masks are less ragged than those of noise."""

    def __init__(self, pictures: Tensor) -> None:
        """pictures: (T, 3, H, W) uint8, RGB."""
        self.pictures = pictures
        self.out_height, self.out_width = pictures.shape[2], pictures.shape[3]

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, start: int, stop: int) -> Tensor:
        """Frames [start, stop): (T, 3, H, W) uint8, RGB."""
        return self.pictures[start:stop]


def paint(case: Case) -> PaintedFrames:
    """A video of the case's size; always the same one."""
    size = {"height": case.height, "width": case.width}
    config = ShapesConfig(train_videos=1, valid_videos=1, train_frames=1, valid_frames=case.frames, **size)
    frames = draw_video(config, "valid", 0).frames
    return PaintedFrames(torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous())


def build(case: Case, method: MethodConfig, weights: Path | None) -> nn.Module:
    """The case's model in evaluation mode, with random weights unless a file is given."""
    torch.manual_seed(0)
    model = definition.build(overlay(method.presets[case.preset], method.backbones[case.backbone]), case.classes)
    if weights is not None:
        load_weights(model, weights)
    return model.eval()


def all_variants() -> dict[str, dict[str, Any]]:
    """Options of all variants that the smoke tier asks of VITA's base weights, by name."""
    table = RunTable(LIBRARY / "smoke.yaml", LIBRARY)
    asked = [run.inference for run in table if run.method == "vita" and run.variant == "base"]
    return {name: dict(options) for variants in asked for name, options in variants.items()}


def seconds(model: nn.Module, frames: FrameSource, plan: InferencePlan) -> tuple[float, float]:
    """Duration of predicting one video and writing it down: on the clock, and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    with torch.no_grad():
        prediction = plan.predict(cast(VideoMethod, model), frames, TOP_K)
    json.dumps({name: [vars(track) for track in tracks] for name, tracks in prediction.tracks.items()})
    json.dumps([vars(found) for found in prediction.frame_detections])
    return time.perf_counter() - began, time.process_time() - worked


def measure(case: Case, method: MethodConfig, weights: Path | None) -> list[list[Any]]:
    """Two lines of the printed table: medians, and the medians of the ratios within each repetition."""
    model, frames, asked = build(case, method, weights), paint(case), all_variants()
    names = (ONE, FOUR, tuple(asked))
    plans = [read_plan(definition, {name: asked[name] for name in some}) for some in names]
    seconds(model, frames, plans[-1])  # warm-up
    rounds = [[seconds(model, frames, plan) for plan in plans] for _ in range(case.repetitions)]
    size = f"{case.frames} of {case.height} x {case.width}"
    one = median(durations[0][0] for durations in rounds)
    lines = []
    for number, bound in enumerate(RANDOM if weights is None else TRAINED, 1):
        ratio, work_ratio = (median(d[number][clock] / d[0][clock] for d in rounds) for clock in (0, 1))
        together = median(durations[number][0] for durations in rounds)
        lines.append([case.name, size, len(names[number]), one, together, work_ratio, ratio, bound])
    return lines


def main(
    weights: Annotated[Path | None, typer.Option(help="model.safetensors of a smoke run; random if not given.")] = None,
    classes: Annotated[int, typer.Option(min=1, help="Classes of the smoke model.")] = 3,
    r50_frames: Annotated[int, typer.Option(min=0, help="Length of the R50 model's video; 0 leaves it out.")] = 12,
    repetitions: Annotated[int, typer.Option(min=1, help="Of the smoke model.")] = 15,
    r50_repetitions: Annotated[int, typer.Option(min=1, help="Of the R50 model.")] = 2,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Time more inference variants against one; exit with 1 when a ratio of processor time exceeds its bound."""
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    method = load_file(MethodConfig, LIBRARY / "methods" / "vita.yaml")
    rows = measure(Case("smoke model", "tiny", "tiny", classes, 64, 96, 36, repetitions), method, weights)
    if r50_frames:
        full_size = Case("release, R50", "release", "r50", 40, 360, 640, r50_frames, r50_repetitions)
        rows += measure(full_size, method, None)
    print(f"{threads} thread(s), torch {torch.__version__}; after one warm-up call, one and more variants in turn")
    headers = ["case", "frames", "variants", "one [s]", "together [s]", "CPU ratio", "ratio", "bound"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3f"))
    raise typer.Exit(int(any(row[5] > row[7] for row in rows)))


if __name__ == "__main__":
    typer.run(main)
