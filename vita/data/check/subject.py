"""What is to be checked: files of annotations, and what the data set's YAML says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from vita.config_file import load
from vita.contract import UserError
from vita.data.check.contents import COCO, YTVIS, Format
from vita.data.dataset import Part, PartFiles, find_files
from vita.dataset_config import DatasetConfig, SplitConfig


@dataclass(frozen=True)
class Subject:
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


def choose_subjects(
    dataset: Path | None, parts: Sequence[str], annotations: Path | None, frames: Path | None
) -> tuple[str | None, list[Subject]]:
    """The data set's name and its files, of a YAML with these parts, or of two paths.

    Raises UserError when neither or both are given, on an unknown part, and when a file is not there.
    """
    if (dataset is None) == (annotations is None) or (annotations is None) != (frames is None):
        raise UserError("what is to be checked: give --dataset, or both --annotations and --frames")
    if unknown := [part for part in parts if part not in get_args(Part)]:
        raise UserError(f"--part is '{unknown[0]}'; allowed are {', '.join(get_args(Part))}")
    if annotations is not None and frames is not None:
        return None, [_plain_subject(annotations, frames)]
    config = load(DatasetConfig, cast(Path, dataset))
    return config.name, _configured_subjects(config, cast(Sequence[Part], parts or ("train", "valid")))


def _plain_subject(annotations: Path, frames: Path) -> Subject:
    if not frames.is_dir():
        raise UserError(f"{frames}: no such folder of frames")
    return Subject(PartFiles(annotations, frames))


def _configured_subjects(dataset: DatasetConfig, parts: Sequence[Part]) -> list[Subject]:
    """The files of these parts; one that serves several is checked once."""
    by_files: dict[PartFiles, list[Part]] = {}
    for part in dict.fromkeys(parts):
        by_files.setdefault(find_files(dataset, part), []).append(part)
    return [Subject(files, tuple(read), dataset) for files, read in by_files.items()]
