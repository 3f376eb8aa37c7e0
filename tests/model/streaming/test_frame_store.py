"""Stores of frames: what is read is what was written, in memory and on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vita.core.contract import UserError
from vita.model.streaming.frame_store import DiskStore, FrameStore, MemoryStore

FRAMES = torch.arange(5 * 2 * 3, dtype=torch.float32).view(5, 2, 3)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FrameStore:
    if request.param == "memory":
        return MemoryStore(torch.device("cpu"))
    return DiskStore(tmp_path / "new" / "store", (2, 3), at_once=2)


def test_frames_are_read_as_they_were_appended(store: FrameStore) -> None:
    store.append(FRAMES[:2])
    store.append(FRAMES[2:])
    assert len(store) == 5
    for start, stop in ((0, 5), (1, 3), (2, 3), (4, 5)):
        assert torch.equal(store.read(start, stop), FRAMES[start:stop])
    read = store.read(0, 1)
    read.zero_()
    assert torch.equal(store.read(0, 1), FRAMES[:1])


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), data=st.data())
def test_pieces_are_all_frames_of_a_part_in_turn(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    frames = torch.arange(sum(sizes) * 6, dtype=torch.float32).view(-1, 2, 3)
    disk = DiskStore(tmp_path_factory.mktemp("frames") / "store", (2, 3), at_once=data.draw(st.integers(1, 5)))
    stores: list[FrameStore] = [MemoryStore(torch.device("cpu")), disk]
    start = data.draw(st.integers(0, len(frames)))
    stop = data.draw(st.integers(start, len(frames)))
    for store in stores:
        for piece in frames.split(sizes):
            store.append(piece)
        assert len(store) == len(frames)
        assert torch.equal(torch.cat([frames[:0], *store.pieces(start, stop)]), frames[start:stop])


def test_pieces_in_memory_are_views_of_what_was_appended() -> None:
    frames, store = torch.arange(7), MemoryStore(torch.device("cpu"))
    for piece in frames.split(3):
        store.append(piece)
    kept = {piece.untyped_storage().data_ptr() for piece in store.pieces(0, 7)}
    assert len(kept) == 3 and frames.untyped_storage().data_ptr() not in kept
    for start, stop in [(0, 7), (0, 3), (2, 4), (3, 6), (6, 7), (4, 4)]:
        pieces = list(store.pieces(start, stop))
        assert [number for piece in pieces for number in piece.tolist()] == list(range(start, stop))
        assert {piece.untyped_storage().data_ptr() for piece in pieces} <= kept


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
