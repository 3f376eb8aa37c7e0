"""How fast training clips are loaded beside a plain loader that only opens, converts and resizes the same frames.

Run: python benchmarks/loading.py [--help]. The plain loader reads every frame of the same clips with Pillow and resizes
it to the same size; it knows no masks, no crops, no tensors. Loaders take turns within a repetition, so that a busy
machine slows all alike: the ratios count, not the seconds.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

import os
import resource
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

from vita.core.dataset_config import ShapesConfig
from vita.core.run_config import AugmentationConfig, CropConfig, RotationConfig
from vita.data.augment.settings import draw_transform
from vita.data.sampling.clip_stream import ClipStream
from vita.data.sampling.clips import VideoClips, draw_frames, learnable
from vita.data.sampling.pseudo_videos import PseudoVideoClips
from vita.data.synthetic.write import synthesise
from vita.data.ytvis import Split, read_split

EDGES = (288, 320, 352, 384, 416, 448, 480, 512)
RESIZED = AugmentationConfig(short_edges=EDGES, max_edge=768)
CROPPED = AugmentationConfig(crop=CropConfig(), short_edges=EDGES, max_edge=768)
TURNED = AugmentationConfig(crop=CropConfig(), short_edges=EDGES, max_edge=768, rotation=RotationConfig())
CLIP, RANGE = 5, 20  # frames, as for YouTube-VIS 2019
BOUND = 0.9  # of processor time, in one process; ours unpacks masks too


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


def sources(split: Split) -> dict[str, VideoClips]:
    """What is compared, by name; the first is the measure of all."""
    size = {"clip_frames": CLIP, "frame_range": RANGE}
    return {
        "plain: open, convert, resize": PlainFrames(split, RESIZED),  # type: ignore[dict-item]
        "ours: resize, flip, masks": VideoClips(split, augmentation=RESIZED, **size),
        "ours: moving crop too": VideoClips(split, augmentation=CROPPED, **size),
        "ours: pseudo-videos (crop, rotation)": PseudoVideoClips(split, clip_frames=CLIP, augmentation=TURNED),
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


def seconds(source: VideoClips, clips: int, workers: int, repetition: int) -> tuple[float, float]:
    """For that many clips, on the clock with processes already running, and of all processors, start-up included."""
    stream = ClipStream([source], [1.0], (repetition + 1) * 10_000, seed=0)
    first = repetition * 10_000
    worked = _processor_seconds()
    loader: DataLoader[Any] = DataLoader(
        stream,  # type: ignore[arg-type]
        batch_size=None,
        sampler=range(first, first + clips + 2 * workers),
        num_workers=workers,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )
    loaded = iter(loader)
    for _ in range(2 * workers):
        next(loaded)
    began = time.perf_counter()
    for _ in range(clips):
        next(loaded)
    taken = time.perf_counter() - began
    del loaded  # ends the processes, whose time counts from then on
    return taken, (_processor_seconds() - worked) * clips / (clips + 2 * workers)


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(named: dict[str, VideoClips], workers: int, clips: int, repetitions: int) -> list[list[Any]]:
    """Lines of the printed table: medians, and medians of the ratios within a repetition."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in named}
    for repetition in range(repetitions):
        for name, source in named.items():
            times[name].append(seconds(source, clips, workers, repetition))
    plain = next(iter(times.values()))
    rows = []
    for name, taken in times.items():
        clock = median(one[0] for one in taken)
        ratios = [median(base[k] / one[k] for base, one in zip(plain, taken, strict=True)) for k in (0, 1)]
        rows.append([name, workers, clips / clock, clips * CLIP / clock, *ratios])
    return rows


def main(
    clips: Annotated[int, typer.Option(min=1, help="Of each loader and repetition.")] = 24,
    repetitions: Annotated[int, typer.Option(min=1)] = 5,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of worker processes, one option each.")] = None,
    height: Annotated[int, typer.Option(min=64, help="Of the frames, in pixels.")] = 720,
    width: Annotated[int, typer.Option(min=64)] = 1280,
    videos: Annotated[int, typer.Option(min=1)] = 4,
    frames: Annotated[int, typer.Option(min=1, help="Of a video.")] = 36,
) -> None:
    """Time our loaders against the plain one; exit with 1 when, in one process, masks make ours a tenth slower."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        split = paint(Path(folder), videos, frames, height, width)
        objects = sum(map(len, split.instances)) / len(split.videos)
        named = sources(split)
        rows = [row for count in workers or [0, 1, 2] for row in measure(named, count, clips, repetitions)]
    print(f"{os.cpu_count()} cores; clips of {CLIP} frames of {height} x {width} with {objects:.1f} objects")
    headers = ["loader", "workers", "clips / s", "frames / s", "plain / this", "the same, of processor time"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".2f"))
    raise typer.Exit(int(any(row[5] < BOUND for row in rows if row[0].startswith("ours: resize") and not row[1])))


if __name__ == "__main__":
    typer.run(main)
