"""How many frames are scored, and how much room embedded data takes, before there are any files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig, ShapesConfig
from vita.core.files import read_json
from vita.data.dataset import Part, find_files

MEAN_FRAMES = Path(__file__).parent / "videos.csv"
BYTES_PER_PIXEL = 0.7  # of embedded data with its labels: 25.2 MB for the 36.1 million pixels of `shapes`


def frames_to_predict(dataset: DatasetConfig) -> float | None:
    """Frames of the videos that are scored; None where neither published counts nor the files tell.

    Of embedded data it is exact, of real data the published number of videos times a mean length.
    """
    part: Part = "train" if dataset.validate_on == "local_split" else "valid"
    lengths = _embedded(dataset.shapes, part) if dataset.shapes else _published(dataset, part) or _listed(dataset, part)
    if not lengths:
        return None
    share = dataset.local_split.valid_share if part == "train" and dataset.local_split else 1.0
    scored = share * len(lengths)
    kept = scored if dataset.limit_videos is None else min(scored, dataset.limit_videos)
    return kept * sum(lengths) / len(lengths)


def embedded_bytes(shapes: ShapesConfig) -> float:
    """Room that the frames and labels of embedded data take on disk, in bytes."""
    frames = shapes.train_videos * shapes.train_frames + shapes.valid_videos * shapes.valid_frames
    return BYTES_PER_PIXEL * frames * shapes.height * shapes.width


def _embedded(shapes: ShapesConfig, part: Part) -> Sequence[float]:
    if part == "train":
        return [shapes.train_frames] * shapes.train_videos
    return [shapes.valid_frames] * shapes.valid_videos


def _published(dataset: DatasetConfig, part: Part) -> Sequence[float]:
    means = pd.read_csv(MEAN_FRAMES).set_index("dataset")["mean_frames"]
    videos = (dataset.train if part == "train" else dataset.valid).videos
    return [float(means.get(dataset.name, means["any"]))] * (videos or 0)


def _listed(dataset: DatasetConfig, part: Part) -> Sequence[float]:
    """Lengths of the videos of data that nobody published counts of, where it is there already."""
    try:
        content = read_json(find_files(dataset, part).annotations)
    except UserError:  # which `vita data check` tells: a plan needs no data
        return []
    videos = content.get("videos") if isinstance(content, dict) else None
    return [len(video["file_names"]) for video in videos or [] if isinstance(video, dict) and "file_names" in video]
