"""A long video that is cut off somewhere and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from noise_video import Noise, with_masks
from torch import Tensor

from vita.core.contract import VideoPrediction
from vita.model.inference import encode_in_chunks, feature_bytes
from vita.model.method import Vita
from vita.model.network import VitaVariant

FRAMES = 50  # chunks of 18, 18 and 14


class CutOffError(Exception):
    """Stands for the end of the process."""


class Breaking(Noise):
    """Cannot be read from frame `until` on, in pass number `number`; a pass begins at the first frame."""

    def __init__(self, until: int, number: int) -> None:
        super().__init__(FRAMES)
        self.until, self.left = until, number

    def read(self, start: int, stop: int) -> Tensor:
        self.left -= start == 0 and stop > 1
        if self.left == 0 and stop > self.until:
            raise CutOffError
        return super().read(start, stop)


@pytest.fixture
def model(tiny_vita: Callable[..., Vita]) -> Vita:
    return with_masks(tiny_vita().eval())


def predict(model: Vita, frames: Noise, folder: Path, spool: bool = False) -> VideoPrediction:
    return encode_in_chunks(model, frames, 4, folder, spool).predict(0, FRAMES, {"intact": VitaVariant()})


def told(prediction: VideoPrediction) -> object:
    tracks = [(t.label, t.score, list(t.segmentations)) for t in prediction.tracks["intact"]]
    return tracks, [vars(found) for found in prediction.frame_detections]


@pytest.mark.parametrize(("until", "number", "first_read"), [(0, 1, 0), (30, 1, 18), (0, 2, 0), (40, 2, 36)])
def test_the_same_as_without_a_cut(model: Vita, tmp_path: Path, until: int, number: int, first_read: int) -> None:
    """number 1 is the detector's pass, 2 that of the masks; whole chunks are not read again."""
    whole = told(predict(model, Noise(FRAMES), tmp_path / "whole"))
    with pytest.raises(CutOffError):
        predict(model, Breaking(until, number), tmp_path / "cut")
    again = Noise(FRAMES)
    assert told(predict(model, again, tmp_path / "cut")) == whole
    passes = [start for start, stop in again.reads if stop - start > 1]
    assert passes[0] == first_read
    assert passes == ([*range(first_read, FRAMES, 18), 0, 18, 36] if number == 1 else [*range(first_read, FRAMES, 18)])


def test_a_cut_in_the_middle_of_a_write(model: Vita, tmp_path: Path) -> None:
    whole = told(predict(model, Noise(FRAMES), tmp_path / "whole"))
    with pytest.raises(CutOffError):
        predict(model, Breaking(40, 1), tmp_path / "cut")
    with (tmp_path / "cut" / "queries").open("ab") as handle:
        handle.write(b"a piece of a frame")
    with (tmp_path / "cut" / "detections.jsonl").open("ab") as handle:
        handle.write(b'{"frame_index": 36, "lab')
    assert told(predict(model, Noise(FRAMES), tmp_path / "cut")) == whole


def test_what_is_finished_is_not_done_again(model: Vita, tmp_path: Path) -> None:
    whole = told(predict(model, Noise(FRAMES), tmp_path))
    again = Noise(FRAMES)
    assert told(predict(model, again, tmp_path)) == whole
    assert all(stop - start == 1 for start, stop in again.reads)


def test_masks_of_other_weights_are_not_taken_up(model: Vita, tiny_vita: Callable[..., Vita], tmp_path: Path) -> None:
    predict(model, Noise(FRAMES), tmp_path)
    other = with_masks(tiny_vita().eval())
    other.mask_embedding[0].bias.data += 1
    again = Noise(FRAMES)
    predict(other, again, tmp_path)
    assert [start for start, stop in again.reads if stop - start > 1] == [0, 18, 36]


def test_mask_features_on_disk_take_the_place_of_the_second_pass(model: Vita, tmp_path: Path) -> None:
    """64 x 64 pixels have 16 x 16 features of 4 bytes a channel."""
    whole = told(predict(model, Noise(FRAMES), tmp_path / "twice"))
    once = Noise(FRAMES)
    assert told(predict(model, once, tmp_path / "spooled", spool=True)) == whole
    assert [start for start, stop in once.reads if stop - start > 1] == [0, 18, 36]
    assert (tmp_path / "spooled" / "mask_features").stat().st_size == feature_bytes(once, 32)
    with pytest.raises(CutOffError):
        predict(model, Breaking(30, 1), tmp_path / "cut", spool=True)
    assert told(predict(model, Noise(FRAMES), tmp_path / "cut", spool=True)) == whole


def test_a_part_of_a_spooled_video(model: Vita, tmp_path: Path) -> None:
    variants = {"intact": VitaVariant()}
    parts = [encode_in_chunks(model, Noise(FRAMES), 4, tmp_path / str(s), s).predict(7, 31, variants) for s in (0, 1)]
    assert told(parts[0]) == told(parts[1])
