"""How fast training clips are loaded beside a plain loader that only opens, converts and resizes the same frames.

Run: python benchmarks/loading.py [--help]. The plain loader reads every frame of the same clips with Pillow and resizes
it to the same size; it knows no masks, no crops, no tensors. Loaders take turns within a repetition, so that a busy
machine slows all alike: the ratios count, not the seconds.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import cv2
import numpy as np
import torch
import typer
from PIL import Image
from tabulate import tabulate
from torch.utils.data import DataLoader

from vita.config import AugmentationConfig, CropConfig, RotationConfig
from vita.data.augmentation import draw_transform
from vita.data.clip_stream import ClipSource, ClipStream
from vita.data.clips import VideoClips, draw_frames, learnable
from vita.data.pseudo_videos import PseudoVideoClips
from vita.data.shapes_dataset import synthesise
from vita.data.ytvis import Split, read_split
from vita.dataset_config import ShapesConfig

EDGES = (288, 320, 352, 384, 416, 448, 480, 512)
RESIZED = AugmentationConfig(short_edges=EDGES, max_edge=768)
CROPPED = AugmentationConfig(crop=CropConfig(), short_edges=EDGES, max_edge=768)
TURNED = AugmentationConfig(crop=CropConfig(), short_edges=EDGES, max_edge=768, rotation=RotationConfig())
CLIP, RANGE = 5, 20  # frames, as for YouTube-VIS 2019
BOUND = 1.0


@dataclass(frozen=True)
class PlainFrames:
    """The frames of the clips that `VideoClips` draws, resized alike: what any loader must do at least."""

    split: Split
    augmentation: AugmentationConfig

    def draw(self, rng: np.random.Generator) -> torch.Tensor:
        """(T, H, W, 3) uint8."""
        places = learnable(self.split)
        video = self.split.videos[places[int(rng.integers(len(places)))]]
        indices = draw_frames(len(video.frame_paths), CLIP, RANGE, rng)
        height, width = draw_transform(self.augmentation, (video.height, video.width), CLIP, rng).size
        frames = np.empty((CLIP, height, width, 3), np.uint8)
        for place, t in enumerate(indices):
            with Image.open(video.frame_paths[t]) as picture:
                resized = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
            frames[place] = np.asarray(resized)
        return torch.from_numpy(frames)


def sources(split: Split) -> dict[str, ClipSource]:
    """What is compared, by name; the first is the measure of all."""
    size = {"clip_frames": CLIP, "frame_range": RANGE}
    return {
        "plain: open, convert, resize": PlainFrames(split, RESIZED),  # type: ignore[dict-item]
        "ours: resize, flip, masks": VideoClips(split, augmentation=RESIZED, **size),
        "ours: moving crop too": VideoClips(split, augmentation=CROPPED, **size),
        "ours: pseudo-videos (crop, rotation)": PseudoVideoClips(split, CLIP, TURNED),
    }


def paint(root: Path, videos: int, frames: int, height: int, width: int) -> Split:
    """Embedded videos of that size, with grain, so that frames are as large as those of a camera."""
    config = ShapesConfig(
        train_videos=videos, valid_videos=1, train_frames=frames, valid_frames=1, height=height, width=width
    )
    synthesise(config, root)
    split = read_split(root / "train" / "instances.json", root / "train" / "JPEGImages")
    rng = np.random.default_rng(0)
    for path in (path for video in split.videos for path in video.frame_paths):
        picture = np.asarray(Image.open(path)).astype(np.int16)
        grain = rng.normal(0, 6, picture.shape[:2])[..., None].astype(np.int16)
        Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return split


def seconds(source: ClipSource, clips: int, workers: int, repetition: int) -> float:
    """To load that many clips, processes already running."""
    stream = ClipStream([source], [1.0], (repetition + 1) * 10_000, seed=0)
    numbers = range(repetition * 10_000, repetition * 10_000 + clips + 2 * workers)
    loader: DataLoader[Any] = DataLoader(
        stream,  # type: ignore[arg-type]
        batch_size=None,
        sampler=numbers,  # type: ignore[arg-type]
        num_workers=workers,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )
    loaded = iter(loader)
    for _ in range(2 * workers):
        next(loaded)
    began = time.perf_counter()
    for _ in range(clips):
        next(loaded)
    return time.perf_counter() - began


def measure(named: dict[str, ClipSource], workers: int, clips: int, repetitions: int) -> list[list[Any]]:
    """Lines of the printed table."""
    times: dict[str, list[float]] = {name: [] for name in named}
    for repetition in range(repetitions):
        for name, source in named.items():
            times[name].append(seconds(source, clips, workers, repetition))
    plain = next(iter(times.values()))
    return [
        [name, workers, clips / median(taken), clips * CLIP / median(taken), median(map(_ratio, plain, taken))]
        for name, taken in times.items()
    ]


def _ratio(plain: float, ours: float) -> float:
    return plain / ours


def main(
    clips: Annotated[int, typer.Option(min=1, help="Of each loader and repetition.")] = 24,
    repetitions: Annotated[int, typer.Option(min=1)] = 5,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of worker processes, one option each.")] = None,
    height: Annotated[int, typer.Option(min=64, help="Of the frames, in pixels.")] = 720,
    width: Annotated[int, typer.Option(min=64)] = 1280,
    videos: Annotated[int, typer.Option(min=1)] = 4,
    frames: Annotated[int, typer.Option(min=1, help="Of a video.")] = 36,
) -> None:
    """Time our loaders against the plain one; exit with 1 when ours, which does more, is slower."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        split = paint(Path(folder), videos, frames, height, width)
        objects = sum(map(len, split.instances)) / len(split.videos)
        named = sources(split)
        rows = [row for count in workers or [0, 1, 2] for row in measure(named, count, clips, repetitions)]
    print(f"{os.cpu_count()} cores; clips of {CLIP} frames of {height} x {width} with {objects:.1f} objects")
    headers = ["loader", "workers", "clips / s", "frames / s", "plain / this"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".2f"))
    raise typer.Exit(int(any(row[4] < BOUND for row in rows if row[0].startswith("ours: resize"))))


if __name__ == "__main__":
    typer.run(main)
