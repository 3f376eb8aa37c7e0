"""TensorBoard: files of events in the run's folder, which need no service and no network."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import Summary, scalar

from vita.core.files import atomic_write, remove_unfinished
from vita.core.watcher import EVENTS, WatchedRun

PREFIX = "events.out.tfevents."  # of all files that TensorBoard reads; then comes what sorts them
QUALITY = 85  # of pictures, of 95
VERSION = "brain.Event:2"  # of their form, which the first event of a file tells


class TensorBoard:
    """Writes `events/`: one file of numbers, and in `images/` one file for each validation.

    A training that goes on writes the numbers so far into a new file, in the place of the one before: what an
    interruption has cut off, or what is computed a second time, is there once. No file holds the machine's name.
    """

    def __init__(self, run: WatchedRun) -> None:
        folder = run.folder / EVENTS
        self._images = folder / "images"
        earlier = sorted(folder.glob(f"{PREFIX}*"))
        if run.step == 0:
            earlier += self._images.glob(f"{PREFIX}*")
        self._images.mkdir(parents=True, exist_ok=True)
        remove_unfinished(self._images)  # which a TensorBoard would read
        # A higher number than any before: a TensorBoard that is looking goes on to it.
        number = 1 + max((int(path.name.removeprefix(PREFIX)) for path in earlier if path.parent == folder), default=-1)
        self._numbers = _begun(folder / f"{PREFIX}{number:010d}")
        for path in earlier:
            path.unlink()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """See `Watcher`."""
        for name, value in values.items():
            _write(self._numbers, step, scalar(name, value))
        self._numbers.flush()

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """See `Watcher`. A validation that is done again takes the place of the one before."""
        with atomic_write(self._images / f"{PREFIX}{step:010d}") as temporary:
            file = _begun(temporary)
            for name, picture in pictures.items():
                _write(file, step, _image(name, picture))
            file.close()

    def close(self, finished: bool) -> None:
        """See `Watcher`."""
        self._numbers.close()


def _begun(path: Path) -> RecordWriter:
    writer = RecordWriter(str(path))
    writer.write(Event(wall_time=time.time(), file_version=VERSION).SerializeToString())
    return writer


def _image(name: str, picture: np.ndarray) -> Summary:
    """As JPEG, of a tenth of the bytes of a PNG."""
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="JPEG", quality=QUALITY)
    height, width, channels = picture.shape
    content = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=encoded.getvalue())
    return Summary(value=[Summary.Value(tag=name, image=content)])


def _write(writer: RecordWriter, step: int, summary: Summary) -> None:
    writer.write(Event(wall_time=time.time(), step=step, summary=summary).SerializeToString())
