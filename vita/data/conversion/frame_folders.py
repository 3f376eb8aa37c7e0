"""The frames that labels of another format are of: pictures below a folder that the user names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vita.core.contract import UserError
from vita.data.conversion.labelled_videos import LabelledVideo
from vita.data.name_order import natural_key
from vita.data.pictures import is_picture
from vita.data.safe_paths import is_below, resolved


def list_folder(folder: Path, root: Path) -> list[Path]:
    """Files of a folder in natural order, without hidden ones.

    Raises UserError when the folder is missing, cannot be listed, or leads out of `root`.
    """
    if not is_below(folder, resolved(root)):
        raise UserError(f"{folder}: a link that leads out of {root}; copy the folder to its place, or name its own")
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_dir()]
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed: {error.strerror}") from None
    return sorted(files, key=lambda path: natural_key(path.name))


@dataclass(frozen=True, eq=False)
class LabelFolder:
    """The label files of one video, one a frame, in order. name: of its folder, below the source and the frames."""

    number: int
    name: str
    files: list[Path]
    frames: FrameFolder

    def video(self, size: tuple[int, int]) -> LabelledVideo:
        """The video of these frames, each of `size` (height, width).

        Raises UserError when one has no picture, or two are of the same.
        """
        names = tuple(map(self.frames.frame_of, self.files))
        counts = Counter(names)
        if twice := [path for path, name in zip(self.files, names, strict=True) if counts[name] > 1]:
            raise UserError(f"{twice[0]}: {twice[1].name} is of the same frame; a frame has one label file")
        return LabelledVideo(self.number, self.name or self.frames.folder.name, names, *size)

    @property
    def unlabelled(self) -> int:
        """Number of pictures that no label file is of."""
        return len(self.frames.names) - len(self.files)


def label_folders(source: Path, frames: Path, ending: str) -> list[LabelFolder]:
    """The folders at or below `source` that hold label files of this ending, in natural order.

    Raises UserError when there is none, or when the folder of the same name below `frames` has no picture.
    """
    found = [
        LabelFolder(number, name, files, FrameFolder(frames, name, without=files))
        for number, (name, files) in enumerate(label_files(source, ending).items(), start=1)
    ]
    if not found:
        raise UserError(f"{source}: no {ending} file in this folder or one below it")
    return found


def label_files(source: Path, ending: str) -> dict[str, list[Path]]:
    """Files of this ending by the folder that they lie in, in natural order; "" is `source` itself."""
    found: dict[str, list[Path]] = {}
    for folder in sorted([source, *_folders_below(source)], key=lambda path: natural_key(path.as_posix())):
        if files := [path for path in list_folder(folder, source) if path.suffix.lower() == ending]:
            found["" if folder == source else folder.relative_to(source).as_posix()] = files
    return found


def _folders_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_dir() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


class FrameFolder:
    """The pictures of one video. Names are relative to the folder of all frames."""

    def __init__(self, root: Path, name: str, without: Sequence[Path] = ()) -> None:
        """name: of the video's folder below `root`, "" for `root` itself. without: pictures that are labels.

        Raises UserError without a picture in it.
        """
        self.folder = root / name
        pictures = [path for path in list_folder(self.folder, root) if is_picture(path) and path not in without]
        if not pictures:
            raise UserError(f"{self.folder}: no picture in this folder; the frames of a video are needed there")
        self.names = [f"{name}/{path.name}" if name else path.name for path in pictures]
        self._by_stem: dict[str, list[str]] = {}
        for path, frame in zip(pictures, self.names, strict=True):
            self._by_stem.setdefault(path.stem, []).append(frame)

    def frame_of(self, label: Path) -> str:
        """The frame that a label file is of: of the same name with another ending.

        Raises UserError when there is none, or more than one.
        """
        found = self._by_stem.get(label.stem, [])
        if len(found) != 1:
            what = f"both {found[0]} and {found[1]}" if found else f"no picture {label.stem}.*"
            raise UserError(
                f"{label}: {what} in {self.folder}; a label file has the name of its frame, with another ending"
            )
        return found[0]
