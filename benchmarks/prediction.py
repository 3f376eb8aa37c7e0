"""How much four inference variants cost beside one: they share one pass of the detector.

Run: python benchmarks/prediction.py [--help]. Times are those of `predict` alone; start-up and building the model are
left out. The ratios count, not the seconds: each repetition times both, so that a busy machine slows both alike; the
ratio of processor time hardly depends on what else the machine does (on a GPU it says nothing).

Legend: T frames, H W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, cast

import torch
import typer
from tabulate import tabulate
from torch import Tensor, nn
from transformers.utils import logging

from vita.contract import FrameSource, VideoMethod
from vita.data.shapes_dataset import draw_video
from vita.dataset_config import ShapesConfig
from vita.engine.checkpoint import load_weights
from vita.experiments.reading import load_file, overlay
from vita.experiments.sections import MethodConfig
from vita.method import definition

METHOD = Path(__file__).parents[1] / "workflow" / "config" / "methods" / "vita.yaml"
ONE, FOUR = ("intact",), ("intact", "prune75", "prune50", "prune25")
BOUND = 1.6
TOP_K = 10


@dataclass(frozen=True)
class Case:
    """A model by its names in METHOD, and the video that it sees."""

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


def seconds(model: VideoMethod, frames: FrameSource, variants: Mapping[str, Any]) -> tuple[float, float]:
    """Duration of one call: on the clock, and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    model.predict(frames, variants, TOP_K)
    return time.perf_counter() - began, time.process_time() - worked


def measure(case: Case, method: MethodConfig, weights: Path | None) -> list[Any]:
    """One line of the printed table: medians, and the medians of the ratios within each repetition."""
    model, frames = cast(VideoMethod, build(case, method, weights)), paint(case)
    one, four = ({n: definition.read_variant(method.inference[n]) for n in names} for names in (ONE, FOUR))
    seconds(model, frames, four)  # warm-up
    pairs = [(seconds(model, frames, one), seconds(model, frames, four)) for _ in range(case.repetitions)]
    ratio, work_ratio = (median(b[clock] / a[clock] for a, b in pairs) for clock in (0, 1))
    size = f"{case.frames} of {case.height} x {case.width}"
    times = median(a[0] for a, _ in pairs), median(b[0] for _, b in pairs)
    return [case.name, size, case.repetitions, *times, work_ratio, ratio, BOUND]


def main(
    weights: Annotated[Path | None, typer.Option(help="model.safetensors of a smoke run; random if not given.")] = None,
    classes: Annotated[int, typer.Option(min=1, help="Classes of the smoke model.")] = 3,
    r50_frames: Annotated[int, typer.Option(min=0, help="Length of the R50 model's video; 0 leaves it out.")] = 12,
    repetitions: Annotated[int, typer.Option(min=1, help="Of the smoke model.")] = 15,
    r50_repetitions: Annotated[int, typer.Option(min=1, help="Of the R50 model.")] = 2,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Time four prune ratios (1, 0.75, 0.5, 0.25) against one; exit with 1 when a ratio exceeds the bound."""
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    method = load_file(MethodConfig, METHOD)
    rows = [measure(Case("smoke model", "tiny", "tiny", classes, 64, 96, 36, repetitions), method, weights)]
    if r50_frames:
        full_size = Case("release, R50", "release", "r50", 40, 360, 640, r50_frames, r50_repetitions)
        rows.append(measure(full_size, method, None))
    print(f"{threads} thread(s), torch {torch.__version__}; after one warm-up call, one and four variants in turn")
    headers = ["case", "frames", "repetitions", "one [s]", "four [s]", "CPU ratio", "ratio", "bound"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3f"))
    raise typer.Exit(int(any(row[6] > BOUND for row in rows)))


if __name__ == "__main__":
    typer.run(main)
