"""VITA's video-level module on more and more frames, whose queries lie on disk: memory stays, time grows with them.

Each length runs in a process of its own. Time is the processor's, which hardly depends on what else the machine does.
Memory is RssAnon, what the process holds itself: pages of files that the
system keeps for it are not counted, for it takes them back when it needs them. It is read every few milliseconds.

Run: python benchmarks/streaming.py [--help]. Files of up to 0.2 MB a frame lie in --folder meanwhile.

Legend: T frames, Q frame queries, C channels.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import typer
from tabulate import tabulate
from transformers.utils import logging

from vita.core.progress import progress
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.model.streaming.association import FrameQueries, associate_in_chunks
from vita.model.streaming.frame_store import DiskStore

# The video-level module as released; a small detector, which is never called.
OPTIONS = {
    "detector": {
        "backbone": {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4},
        "decoder_layers": 3,
    }
}
GROWTH = 1.05  # allowed, of memory between the shortest and the longest video
SLOWER = 1.3  # allowed, of the processor time for a frame
STEP = 500  # frames that are written at once


def main(
    frames: Annotated[list[int] | None, typer.Option(help="Lengths of videos; may be repeated.")] = None,
    window: Annotated[int, typer.Option(help="Frames of a window.")] = 6,
    threads: Annotated[int, typer.Option(help="Threads.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Where files lie meanwhile.")] = None,
) -> None:
    """Ends with exit code 1 when memory or the time for a frame grows."""
    lengths = sorted(frames or [1000, 5000, 20_000])
    told = [_in_own_process(length, window, threads, folder) for length in lengths]
    each = [length.cpu_seconds / length.frames for length in told]
    headers = ["frames", "peak RssAnon [MiB]", "clock [s]", "processor [s]", "ms a frame"]
    typer.echo(tabulate([length.cells() for length in told], headers=headers, disable_numparse=True))
    memory, time_grown = max(length.peak_bytes for length in told) / told[0].peak_bytes, max(each) / each[0]
    typer.echo(f"memory: {memory:.3f} times that of the shortest; processor time for a frame: {time_grown:.2f} times")
    raise typer.Exit(int(memory > GROWTH or time_grown > SLOWER))


@dataclass(frozen=True)
class Told:
    """One length: peak memory in bytes, time on the clock and of the processor in seconds."""

    frames: int
    peak_bytes: int
    seconds: float
    cpu_seconds: float

    def cells(self) -> list[str]:
        """Of its row."""
        each = 1000 * self.cpu_seconds / self.frames
        return [
            str(self.frames),
            f"{self.peak_bytes / 2**20:.0f}",
            f"{self.seconds:.1f}",
            f"{self.cpu_seconds:.1f}",
            f"{each:.2f}",
        ]


def _in_own_process(length: int, window: int, threads: int, folder: Path | None) -> Told:
    asked = json.dumps([length, window, threads, str(folder) if folder else None])
    ended = subprocess.run([sys.executable, __file__, "--one", asked], stdout=subprocess.PIPE, check=True, text=True)
    return Told(**json.loads(ended.stdout))


def one(length: int, window: int, threads: int, folder: str | None) -> Told:
    """In this process."""
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    torch.manual_seed(0)
    model = definition.build(OPTIONS, num_classes=40).eval().requires_grad_(False)
    assert isinstance(model, Vita)
    with TemporaryDirectory(dir=folder) as place:
        stores = _write(Path(place), length, model.object_decoder.token_position.num_embeddings)
        began, cpu_began = time.perf_counter(), time.process_time()
        video = FrameQueries(*stores, 0, length)
        peak = peak_of(lambda: associate_in_chunks(model, video, VitaVariant(window=window), Path(place)))
        return Told(length, peak, time.perf_counter() - began, time.process_time() - cpu_began)


def _write(place: Path, length: int, queries: int) -> tuple[DiskStore, DiskStore]:
    stores = DiskStore(place / "queries", (queries, 256)), DiskStore(place / "no_object", (queries,))
    with progress(length, f"write {length} frames") as bar:
        for start in range(0, length, STEP):
            count = min(STEP, length - start)
            stores[0].append(torch.randn(count, queries, 256))
            stores[1].append(torch.rand(count, queries))
            bar.update(count)
    return stores


def peak_of(work: Callable[[], object], every_s: float = 0.01) -> int:
    """The largest RssAnon seen while `work` runs, in bytes (Linux)."""
    peak = rss_anon()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak  # a list of all readings would grow with the time itself
        while not done.wait(every_s):
            peak = max(peak, rss_anon())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peak


def rss_anon() -> int:
    """Bytes of memory of this process that no file stands behind."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no RssAnon: this needs Linux")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(asdict(one(*json.loads(sys.argv[2])))))
    else:
        typer.run(main)
