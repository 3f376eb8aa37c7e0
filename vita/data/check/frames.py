"""Files of frames: there, below the data set's folders, decodable to their end, and of the stated size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from vita.core.progress import progress
from vita.data.annotations.contents import VideoEntry
from vita.data.annotations.findings import Finding, Findings, Kind
from vita.data.pictures import OtherSizeError, UnfitPictureError, decode
from vita.data.safe_paths import LeavesRootError, is_below, open_frame

BATCH = 16  # frames a task of a thread
SAMPLE = 3000  # frames at most that a quick check opens
ABSENT = (FileNotFoundError, NotADirectoryError)
FAULTS: dict[type[Exception], Kind] = {
    **dict.fromkeys(ABSENT, Kind.FRAME_MISSING),
    LeavesRootError: Kind.LEAVES_ROOT,
    OtherSizeError: Kind.FRAME_SIZE,
    UnfitPictureError: Kind.FRAME_PIXELS,
}


@dataclass(frozen=True)
class FrameFile:
    """One frame to open. size: (height, width), upright; None when unknown."""

    path: Path
    where: str
    size: tuple[int, int] | None


def list_frames(
    videos: Iterable[VideoEntry], folder: Path, roots: Sequence[Path], findings: Findings
) -> list[list[FrameFile]]:
    """The frames of each video that may be opened; folders that are links out of `roots` are findings."""
    inside: dict[Path, bool] = {}
    listed: list[list[FrameFile]] = []
    for video in videos:
        paths = [(t, folder / name) for t, name in enumerate(video.names) if name is not None]
        for parent in dict.fromkeys(path.parent for _, path in paths):
            if parent not in inside:
                inside[parent] = is_below(parent, roots)
            if not inside[parent]:
                findings.add(Kind.LEAVES_ROOT, video.where, f"{parent} is a link to {parent.resolve()}")
        kept = [(t, path) for t, path in paths if inside[path.parent]]
        listed.append([FrameFile(path, f"{video.where}, frame {t}", video.size) for t, path in kept])
    return listed


def sample(frames: Sequence[Sequence[FrameFile]]) -> list[list[FrameFile]]:
    """First, middle and last frame of each video; of these `SAMPLE`, always the same, when there are more."""
    few = [[one[place] for place in sorted({0, len(one) // 2, len(one) - 1})] if one else [] for one in frames]
    if sum(map(len, few)) <= SAMPLE:
        return few
    flat = [frame for one in few for frame in one]
    drawn = np.random.default_rng(0).choice(len(flat), SAMPLE, replace=False)
    return [[flat[number] for number in sorted(drawn.tolist())]]


def check_presence(frames: Iterable[FrameFile], findings: Findings) -> None:
    """Look for frames in the listings of their folders, which costs one call a folder; none is opened."""
    listings: dict[Path, frozenset[str]] = {}
    for frame in frames:
        folder = frame.path.parent
        if folder not in listings:
            listings[folder] = frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()
        if frame.path.name not in listings[folder]:
            findings.add(Kind.FRAME_MISSING, frame.where, f"{frame.path}")


def check_frames(frames: Sequence[FrameFile], roots: Sequence[Path], workers: int, findings: Findings) -> None:
    """Open and decode all of them, in threads: decoders of pictures let others work meanwhile."""
    batches = [frames[first : first + BATCH] for first in range(0, len(frames), BATCH)]
    pool = ThreadPoolExecutor(workers)
    try:
        with progress(len(frames), "frames") as bar:
            inspect = partial(_inspect_all, roots=roots)
            for batch, found in zip(batches, pool.map(inspect, batches), strict=True):
                findings.found.extend(found)
                bar.update(len(batch))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted check does not decode to the end first


def _inspect_all(frames: Sequence[FrameFile], roots: Sequence[Path]) -> list[Finding]:
    return [finding for frame in frames if (finding := _inspect(frame, roots))]


def _inspect(frame: FrameFile, roots: Sequence[Path]) -> Finding | None:
    try:
        with open_frame(frame.path, roots) as file:
            orientation = decode(file, frame.size, to_see=True).orientation
    except Exception as error:  # decoders raise anything on damaged bytes
        kind = next((kind for fault, kind in FAULTS.items() if isinstance(error, fault)), Kind.FRAME_DAMAGED)
        return Finding(kind, frame.where, f"{frame.path}{_detail(error, frame.size)}")
    if orientation == 1:
        return None
    return Finding(Kind.FRAME_TURNED, frame.where, f"{frame.path}: its EXIF orientation is {orientation}")


def _detail(error: Exception, size: tuple[int, int] | None) -> str:
    if isinstance(error, ABSENT):
        return ""
    if isinstance(error, OtherSizeError) and size is not None:
        return f": {_by(error.found)} pixels, the file says {_by(size)} (height x width){error.hint}"
    return f": {error}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
