"""Files of frames: there, below the data set's folders, decodable to their end, and of the stated size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from vita.core.progress import progress
from vita.data.annotations.contents import VideoEntry
from vita.data.annotations.findings import Finding, Findings, Kind
from vita.data.safe_paths import LeavesRootError, is_below, open_frame

BATCH = 16  # frames a task of a thread
SAMPLE = 3000  # frames at most that a quick check opens


@dataclass(frozen=True)
class FrameFile:
    """One frame to open. size: (height, width), None when unknown."""

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
        with open_frame(frame.path, roots) as file, Image.open(file) as picture:
            found = (picture.height, picture.width)
            if frame.size is not None and found != frame.size:
                sizes = f"{_by(found)} pixels, the file says {_by(frame.size)}"
                return Finding(Kind.FRAME_SIZE, frame.where, f"{frame.path}: {sizes} (height x width)")
            # An eighth of the size: every byte is read all the same, in less than half of the time.
            picture.draft("RGB", (max(1, picture.width // 8), max(1, picture.height // 8)))
            picture.convert("RGB")
            return None
    except (FileNotFoundError, NotADirectoryError):
        return Finding(Kind.FRAME_MISSING, frame.where, f"{frame.path}")
    except LeavesRootError as error:
        return Finding(Kind.LEAVES_ROOT, frame.where, f"{frame.path}: {error}")
    except UnidentifiedImageError:
        return Finding(Kind.FRAME_DAMAGED, frame.where, f"{frame.path}: no known format of pictures")
    except Exception as error:  # decoders raise anything on damaged bytes
        return Finding(Kind.FRAME_DAMAGED, frame.where, f"{frame.path}: {error}")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
