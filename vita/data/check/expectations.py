"""What is to be checked, and what the data set's YAML says of it: categories and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from vita.core.config_base import load
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig, SplitConfig
from vita.core.grouping import grouped
from vita.data.annotations.contents import COCO, YTVIS, Contents, Format
from vita.data.annotations.findings import Findings, Kind
from vita.data.dataset import Part, PartFiles, find_files
from vita.data.masks.rle import short
from vita.data.value_limits import is_id


@dataclass(frozen=True)
class CheckTarget:
    """One file of annotations with its frames, and the parts of a data set that are read from it.

    dataset: None when no YAML is at hand; then there are no parts either.
    """

    files: PartFiles
    parts: tuple[Part, ...] = ()
    dataset: DatasetConfig | None = None

    @property
    def root(self) -> Path:
        """Symbolic links may lead anywhere below it, and below the folder of frames."""
        return Path(self.dataset.root) if self.dataset else self.files.frames

    @property
    def format(self) -> Format | None:
        """None: to be found out."""
        if self.dataset is None:
            return None
        return COCO if self.dataset.format == "coco" else YTVIS

    @property
    def published(self) -> SplitConfig | None:
        """The counts that must be met; None when only some videos are in use, as the file may then be cut short."""
        if self.dataset is None or self.dataset.limit_videos is not None:
            return None
        from_train = "train" in self.parts or self.files.ids is not None
        return self.dataset.train if from_train else self.dataset.valid

    @property
    def needs_labels(self) -> bool:
        """Whether its videos are learned from or scored on."""
        return "train" in self.parts or "valid" in self.parts


def choose_targets(
    dataset: Path | None, parts: Sequence[str], annotations: Path | None, frames: Path | None
) -> tuple[str | None, list[CheckTarget]]:
    """The data set's name and its files, of a YAML with these parts, or of two paths.

    Raises UserError when neither or both are given, on an unknown part, and when a file is not there.
    """
    if (dataset is None) == (annotations is None) or (annotations is None) != (frames is None):
        raise UserError("what is to be checked: give --dataset, or both --annotations and --frames")
    if unknown := [part for part in parts if part not in get_args(Part)]:
        raise UserError(f"--part is '{unknown[0]}'; allowed are {', '.join(get_args(Part))}")
    if annotations is not None and frames is not None:
        return None, [_plain_target(annotations, frames)]
    config = load(DatasetConfig, cast(Path, dataset))
    return config.name, _configured_targets(config, cast(Sequence[Part], parts or ("train", "valid")))


def _plain_target(annotations: Path, frames: Path) -> CheckTarget:
    if not frames.is_dir():
        raise UserError(f"{frames}: no such folder of frames")
    return CheckTarget(PartFiles(annotations, frames))


def _configured_targets(dataset: DatasetConfig, parts: Sequence[Part]) -> list[CheckTarget]:
    """The files of these parts; one that serves several is checked once."""
    by_files = grouped(dict.fromkeys(parts), lambda part: find_files(dataset, part))
    return [CheckTarget(files, tuple(read), dataset) for files, read in by_files.items()]


def check_expectations(target: CheckTarget, contents: Contents, findings: Findings) -> None:
    """Hold the file against what is expected of it."""
    if target.dataset is not None and target.dataset.categories is not None:
        check_categories(contents.categories, target.dataset.categories, findings, "the YAML")
    if published := target.published:
        _check_count(f"`{contents.format.videos}`", contents.videos_listed, published.videos, findings)
        if contents.records is not None:
            _check_count("`annotations`", len(contents.records), published.instances, findings)
    if contents.records:
        _check_use(target, contents, findings)
    if target.needs_labels and not contents.records:
        parts = ", ".join(target.parts)
        findings.add(Kind.NO_LABELS, "`annotations`", f"there are none, but the file is in use as {parts}")


def _check_use(target: CheckTarget, contents: Contents, findings: Findings) -> None:
    """Videos without objects; and categories without, where they are to be learned."""
    annotated, used = (_named(contents, key) for key in (contents.format.video_id, "category_id"))
    for video in contents.videos:
        if video.id not in annotated:
            findings.add(Kind.EMPTY_VIDEO, video.where, "no annotation is of it")
    for number, name in contents.categories.items():
        if number not in used and ("train" in target.parts or not target.parts):
            findings.add(Kind.UNUSED_CATEGORY, f"category {number}", f"{short(name)} has no annotation")


def _named(contents: Contents, key: str) -> set[int]:
    """Ids that annotations, sound or not, have under `key`."""
    values = (record.get(key) for record in contents.records or () if isinstance(record, dict))
    return {value for value in values if is_id(value)}


def check_categories(found: dict[int, str], expected: dict[int, str], findings: Findings, by: str) -> None:
    """Hold a file's categories against those of the YAML, or of `train`: the order of ids is that of what is learned.

    by: whose the expected ones are, for people.
    """
    for number in sorted(found.keys() | expected.keys()):
        if found.get(number) != expected.get(number):
            names = [short(one[number]) if number in one else "none" for one in (found, expected)]
            findings.add(Kind.CATEGORIES, f"category {number}", f"the file has {names[0]}, {by} {names[1]}")


def _check_count(where: str, found: int, expected: int | None, findings: Findings) -> None:
    if expected is not None and found != expected:
        findings.add(Kind.COUNT, where, f"{found} entries, expected {expected}")
