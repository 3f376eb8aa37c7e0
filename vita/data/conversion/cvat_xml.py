"""The XML of "CVAT for video 1.1", read as it streams by: labels, sizes, tracks and their shapes, still text.

A file that declares a document type is refused before anything in it is expanded: CVAT writes none, and entities of one
can grow without end or name other files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import ParseError, XMLParser

from vita.core.contract import UserError

Attributes = dict[str, str]
CHUNK = 1 << 20  # bytes
SHAPES = frozenset({"polygon", "mask", "box", "polyline", "points", "cuboid", "skeleton", "ellipse"})


@dataclass(frozen=True)
class CvatShape:
    """A shape of a track in one frame. kind: the tag; attributes: as the file has them."""

    kind: str
    attributes: Attributes

    @property
    def is_outside(self) -> bool:
        """Whether the object is not seen."""
        return self.attributes.get("outside") == "1"


@dataclass(frozen=True)
class CvatTrack:
    """One object, in the frames for which a shape is written."""

    attributes: Attributes
    shapes: list[CvatShape] = field(default_factory=list)


@dataclass
class CvatVideo:
    """What one file holds. labels: names of the task's labels; facts: `size`, `width` and `height` where they stand."""

    labels: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    tracks: list[CvatTrack] = field(default_factory=list)


def read_cvat_xml(path: Path) -> CvatVideo:
    """The content of a file. Raises UserError when it is missing, not XML, or not CVAT's for a video."""
    reader = _Reader(path)
    parser = XMLParser(target=reader)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                parser.feed(chunk)
        parser.close()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (ParseError, ValueError, LookupError) as error:  # also encodings that are unknown
        raise UserError(f"{path}: not valid XML: {error}") from None
    return reader.video


class _Reader:
    """What the parser calls."""

    def __init__(self, path: Path) -> None:
        self.video = CvatVideo()
        self._path, self._open, self._text = path, list[str](), ""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Refuse a document type."""
        raise UserError(f"{self._path}: it declares a document type ({name}), which CVAT never writes: not read")

    def start(self, tag: str, attributes: Attributes) -> None:
        """A tag begins."""
        above = self._open[1:]
        if not self._open and tag != "annotations":
            raise UserError(f"{self._path}: not a CVAT file: it begins with <{tag}>, not <annotations>")
        if not above and tag == "image":
            raise UserError(
                f"{self._path}: this is 'CVAT for images', which has no tracks; export as 'CVAT for video 1.1'"
            )
        if above == ["meta"] and tag == "project":
            raise UserError(f"{self._path}: this is the export of a project; export its tasks, a file for each video")
        if not above and tag == "track":
            self.video.tracks.append(CvatTrack(dict(attributes)))
        elif above == ["track"] and tag in SHAPES:
            self.video.tracks[-1].shapes.append(CvatShape(tag, dict(attributes)))
        self._open.append(tag)
        self._text = ""

    def data(self, text: str) -> None:
        """Text within a tag; only that of `meta` is of use."""
        if self._open[1:2] == ["meta"]:
            self._text += text

    def end(self, tag: str) -> None:
        """A tag ends."""
        place, text = self._open[3:], self._text.strip()  # below annotations, meta, and task or job
        if self._open[1:2] == ["meta"]:
            if place == ["labels", "label", "name"]:
                self.video.labels.append(text)
            elif place in (["size"], ["original_size", "width"], ["original_size", "height"]):
                self.video.facts[tag] = text
        self._open.pop()
        self._text = ""

    def close(self) -> None:
        """The file ends."""
