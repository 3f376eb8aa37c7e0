"""What can be wrong with a data set: the kinds of findings, and the findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

from vita.core.contract import UserError

# error: something would fail, or silently be wrong. warning: unusual, but data sets in use have it.
Severity = Literal["error", "warning"]


class Kind(Enum):
    """A sort of fault: its severity, and its meaning for people."""

    STRUCTURE = ("error", "an entry is no object, lacks a key, or holds a value of another type")
    ID = ("error", "an id is no whole number")
    DUPLICATE_ID = ("error", "two entries of one list have the same id")
    UNKNOWN_VIDEO = ("error", "an annotation is of a video that the file does not list")
    UNKNOWN_CATEGORY = ("error", "an annotation is of a category that the file does not list")
    LENGTH = ("error", "a list has not one entry a frame, or a video no frame")
    SIZE = ("error", "height or width of a video is missing or impossible")
    LEAVES_ROOT = ("error", "a frame lies outside the data set, by its name or by a symbolic link; not opened")
    FILE_NAME = ("error", "the name of a frame cannot be used")
    FRAME_REPEATED = ("error", "a video lists a frame twice")
    FRAME_SHARED = ("warning", "two videos list the same frame")
    FRAME_ORDER = ("warning", "the frames of a video are not listed in ascending order of their names")
    FRAME_MISSING = ("error", "a frame is not there")
    FRAME_DAMAGED = ("error", "a frame cannot be read and decoded to its end")
    FRAME_SIZE = ("error", "a frame is not of the size that the file gives its video")
    FRAME_PIXELS = ("error", "a frame has no one meaning as RGB of 8 bits: grey of more bits, transparent pixels, ...")
    FRAME_TURNED = ("warning", "a frame has an EXIF orientation: it is read upright, and so must its masks lie")
    MASK = ("error", "a mask is no well-formed run-length code or polygon")
    MASK_SIZE = ("error", "a run-length code is not of its video's size")
    MASK_EMPTY = ("warning", "a mask is given but covers no pixel; absent objects have null")
    AREA = ("error", "a listed area is not that of the mask")
    BOX = ("error", "a listed box is not that of the mask")
    DUPLICATE_OBJECT = ("error", "two annotations of a video have the same masks")
    NEVER_VISIBLE = ("warning", "an annotation has no mask in any frame")
    ANNOTATION_SIZE = ("warning", "the height, width or length that an annotation repeats is not its video's")
    EMPTY_VIDEO = ("warning", "a video has no annotation")
    UNUSED_CATEGORY = ("warning", "no annotation is of this category")
    CATEGORY_NAME = ("error", "a category's name is no text, or two categories have the same")
    NO_VIDEO = ("error", "the file, or a part of the data set that is read from it, has no video")
    NOTHING_TO_LEARN = ("error", "no video to learn from has an object with a mask, crowds and empty masks aside")
    CATEGORIES = ("error", "categories differ from those of the data set's YAML, or of `train`")
    COUNT = ("error", "the number of videos or instances is not that of the data set's YAML")
    NO_LOCAL_SPLIT = ("warning", "the list of videos to be scored on is not drawn yet")
    NO_LABELS = ("error", "the file has no annotations, but its videos are to train on or to be scored on")
    LOCAL_SPLIT = ("error", "the list of videos of the local split does not fit the file")

    @property
    def label(self) -> str:
        """Its name in tables and files."""
        return self.name.lower().replace("_", "-")

    @property
    def severity(self) -> Severity:
        """Whether it is an error."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """In words."""
        return self.value[1]


@dataclass(frozen=True)
class Finding:
    """One fault. where: the video, annotation and frame; detail: what is there, and what was expected."""

    kind: Kind
    where: str
    detail: str


@dataclass
class Findings:
    """Faults in the order in which they were found."""

    found: list[Finding] = field(default_factory=list)

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Note a fault."""
        self.found.append(Finding(kind, where, detail))

    def count(self, severity: Severity) -> int:
        """Number of faults of this severity."""
        return sum(finding.kind.severity == severity for finding in self.found)

    def by_kind(self) -> Iterator[tuple[Kind, list[Finding]]]:
        """Kinds that occur, errors first, else in the order above."""
        for kind in sorted(Kind, key=lambda kind: kind.severity):
            if found := [finding for finding in self.found if finding.kind is kind]:
                yield kind, found


@dataclass
class FirstFault(Findings):
    """The findings of a reader that needs a sound file: the first error ends it. source: the file, for the message."""

    source: Path | str = ""

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Raises UserError for an error; a warning is passed over."""
        if kind.severity == "error":
            raise UserError(f"{self.source}: {where}: {detail}")
