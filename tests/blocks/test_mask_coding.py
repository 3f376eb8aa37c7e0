"""Masks are coded beside the caller: in order, within bounds of memory, and with every error told."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from vita.blocks import mask_decoding
from vita.blocks.host_transfer import HostCopy
from vita.blocks.mask_coding import WAITING, CodingThread
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, code_frames, columns_of, encode


def test_work_is_done_in_order_beside_the_caller() -> None:
    thread, done, go = CodingThread(), list[int](), threading.Event()
    thread.submit(lambda: (go.wait(10), done.append(0))[1])
    thread.submit(lambda: done.append(1))
    assert done == []  # the caller has gone on
    go.set()
    for number in range(2, 20):
        thread.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    thread.wait()
    assert done == list(range(20))


def test_no_more_than_a_few_pieces_wait() -> None:
    thread, begun, most = CodingThread(), [0], [0]

    def work(number: int) -> None:
        time.sleep(0.01)
        most[0] = max(most[0], begun[0] - number)

    for number in range(8):
        begun[0] = number
        thread.submit(lambda number=number: work(number))  # type: ignore[misc]
    thread.wait()
    assert 1 <= most[0] <= WAITING + 1  # those that wait, and one that the caller holds


def test_an_error_reaches_the_caller() -> None:
    def fail() -> None:
        raise OSError("No space left on device")

    thread = CodingThread()
    thread.submit(fail)
    with pytest.raises(OSError, match="No space left"):
        thread.wait()
    thread.wait()  # told once
    thread.submit(fail)
    with pytest.raises(OSError, match="No space left"):
        for _ in range(WAITING + 2):
            thread.submit(lambda: None)


def test_codes_are_the_same_however_slow_the_thread_is(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = FrameGeometry((32, 64), (30, 50), (45, 75))
    logits = torch.randn(3, 12, 8, 16, generator=torch.Generator().manual_seed(1))
    expected = MaskTracks(geometry, 3)
    expected.add(logits)
    plain = code_frames

    def slow(columns: torch.Tensor, geometry: FrameGeometry):  # type: ignore[no-untyped-def]
        time.sleep(0.005)
        return plain(columns, geometry)

    monkeypatch.setattr(mask_decoding, "code_frames", slow)
    tracks = MaskTracks(geometry, 3)
    for part in logits.split(1, 1):
        tracks.add(part)
    assert tracks.segmentations == expected.segmentations
    np.testing.assert_allclose(tracks.foreground, expected.foreground)
    torch.testing.assert_close(tracks.quality, expected.quality)


@given(seed=st.integers(0, 10_000), height=st.integers(1, 12), width=st.integers(1, 12))
def test_one_resize_is_torchs(seed: int, height: int, width: int) -> None:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, height, width, generator=random)
    out = tuple(torch.randint(1, 40, (2,), generator=random).tolist())
    codes, _ = code_frames(columns_of(logits), FrameGeometry(out, out, out))
    resized = F.interpolate(logits[None], size=out, mode="bilinear", align_corners=False)[0]
    assert codes == [one for (one,) in encode(resized[:, None] > 0)]


def test_on_a_cpu_nothing_is_copied() -> None:
    tensor = torch.arange(3)
    assert HostCopy(tensor).get().data_ptr() == tensor.data_ptr()
