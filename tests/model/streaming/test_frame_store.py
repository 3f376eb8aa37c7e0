"""Stores of frames: what is read is what was written, in memory and on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from vita.core.contract import UserError
from vita.model.streaming.frame_store import DiskStore, FrameStore, HostStore

FRAMES = torch.arange(5 * 2 * 3, dtype=torch.float32).view(5, 2, 3)


@pytest.mark.parametrize("where", ["host", "disk"])
def test_frames_are_read_as_they_were_appended(where: str, tmp_path: Path) -> None:
    store: FrameStore = HostStore() if where == "host" else DiskStore(tmp_path / "new" / "store", (2, 3))
    store.append(FRAMES[:2])
    store.append(FRAMES[2:])
    assert len(store) == 5
    for start, stop in ((0, 5), (1, 3), (2, 3), (4, 5)):
        assert torch.equal(store.read(start, stop), FRAMES[start:stop])
    read = store.read(0, 1)
    read.zero_()
    assert torch.equal(store.read(0, 1), FRAMES[:1])


def test_a_file_is_taken_up_again_without_what_was_cut_off(tmp_path: Path) -> None:
    DiskStore(tmp_path / "store", (2, 3)).append(FRAMES)
    os.truncate(tmp_path / "store", 3 * 24 + 7)  # three frames of six numbers, and a piece of the fourth
    store = DiskStore(tmp_path / "store", (2, 3))
    assert len(store) == 3
    store.append(FRAMES[3:])
    assert torch.equal(store.read(0, 5), FRAMES)
    store.truncate(1)
    assert len(store) == 1 and (tmp_path / "store").stat().st_size == 24


def test_numbers_are_kept_in_the_given_type(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store", (2,), torch.int32)
    store.append(torch.tensor([[3, 99]]))
    assert store.read(0, 1).dtype == torch.int32 and store.read(0, 1).tolist() == [[3, 99]]
    assert (tmp_path / "store").stat().st_size == 8


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store", (2, 3))
    with Path("/dev/full").open("r+b", buffering=0) as full:
        store._file = full
        with pytest.raises(UserError, match=r"cannot write .*store: No space left on device; free space"):
            store.append(FRAMES)
    assert len(store) == 0


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot open .*file/store: .*; choose another place"):
        DiskStore(tmp_path / "file" / "store", (2,))
