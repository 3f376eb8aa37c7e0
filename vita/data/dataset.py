"""A configured data set on disk: finds its files as they were distributed, and reads one part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig, Places, SplitConfig, why_unset
from vita.data.coco import read_coco
from vita.data.local_split import LocalSplit, read_local_split
from vita.data.ytvis import Split, read_split

# train and valid: what a model learns from and is scored on; released_valid: the release's own validation videos,
# whose labels may be hidden.
Part = Literal["train", "valid", "released_valid"]
LOCAL_SPLIT = "; or score a part of `train`: `validate_on: local_split` in the data set's YAML"


@dataclass(frozen=True)
class PartFiles:
    """Where a part of a data set lies. ids: file of a local split, whose list of this part's videos is in force."""

    annotations: Path
    frames: Path
    ids: Path | None = None


def find_files(dataset: DatasetConfig, part: Part) -> PartFiles:
    """Files of a part. Raises UserError saying what was looked for, where, and how to get it."""
    local = dataset.local_split if dataset.validate_on == "local_split" and part != "released_valid" else None
    files = dataset.train if part == "train" or local else dataset.valid
    return PartFiles(
        annotations=_annotations(dataset, files, part),
        frames=_first(dataset, files.frames, "frames"),
        ids=Path(local.file) if local else None,
    )


def _annotations(dataset: DatasetConfig, files: SplitConfig, part: Part) -> Path:
    """The list of videos; of `valid` the one with labels, which may be a file of its own."""
    if files.ground_truth is None or part == "train" or files is dataset.train:
        return _first(dataset, files.annotations, "annotations")
    if part == "valid":
        return _first(dataset, files.ground_truth, "labels of `valid`", LOCAL_SPLIT)
    return _first(dataset, (*_places_of(files.annotations), *_places_of(files.ground_truth)), "annotations")


def read_part(dataset: DatasetConfig, part: Part, limit_videos: int | None = None) -> Split:
    """The videos of a part; at most `limit_videos`, and what the data set's own limit leaves. Raises UserError."""
    files = find_files(dataset, part)
    read = read_coco if dataset.format == "coco" else read_split
    split = read(files.annotations, files.frames, root=Path(dataset.root))
    if files.ids is not None:
        split = select_videos(split, described_split(dataset, files.ids, files.annotations).videos(part))
    limits = [limit for limit in (limit_videos, dataset.limit_videos) if limit is not None]
    return first_videos(split, min(limits)) if limits else split


def described_split(dataset: DatasetConfig, path: Path, annotations: Path) -> LocalSplit:
    """The list of ids, which must be the one that the data set describes: tables cite its share and seed.

    Raises UserError when it is not.
    """
    split, wanted = read_local_split(path, annotations), dataset.local_split
    if wanted is not None and (split.seed, split.valid_share) != (wanted.seed, wanted.valid_share):
        raise UserError(
            f"{path}: made with seed {split.seed} and a share of {split.valid_share}, but the data set "
            f"'{dataset.name}' says {wanted.seed} and {wanted.valid_share}; change its YAML or make the file anew with "
            "`vita data split`"
        )
    return split


def select_videos(split: Split, ids: frozenset[int]) -> Split:
    """Only the videos with these ids. Raises UserError when one is not there."""
    missing = sorted(ids - {video.id for video in split.videos})
    if missing:
        raise UserError(f"the local split names video {missing[0]}, which the annotation file does not have")
    kept = [place for place, video in enumerate(split.videos) if video.id in ids]
    return _places(split, kept)


def first_videos(split: Split, count: int) -> Split:
    """Only the `count` videos of lowest id."""
    return _places(split, list(range(min(count, len(split.videos)))))


def _places(split: Split, places: list[int]) -> Split:
    return replace(
        split,
        videos=tuple(split.videos[place] for place in places),
        instances=tuple(split.instances[place] for place in places),
    )


def _first(dataset: DatasetConfig, places: Places, what: str, way_out: str = "") -> Path:
    """The first of the places that exists."""
    if unset := why_unset(dataset.root):
        raise UserError(f"data set '{dataset.name}': its folder is {dataset.root}, but {unset}; {_how_to_get(dataset)}")
    root = Path(dataset.root)
    found = next((root / place for place in _places_of(places) if (root / place).exists()), None)
    if found is None:
        raise UserError(
            f"data set '{dataset.name}': no {what} found in {root}; looked for {', '.join(_places_of(places))}; "
            f"{_how_to_get(dataset)}{way_out}"
        )
    return found


def _places_of(places: Places) -> tuple[str, ...]:
    return (places,) if isinstance(places, str) else places


def _how_to_get(dataset: DatasetConfig) -> str:
    if dataset.obtain:
        return f"to get the data: {dataset.obtain}"
    return "check the data set's `root`, or write embedded data with `vita data synth`"
