"""Windows of the Object Encoder."""

from itertools import pairwise
from math import ceil

import pytest
import torch
from torch.testing import assert_close

from vita.model.object_encoder import ObjectEncoder, frame_groups

FRAMES_AND_WINDOWS = [(frames, window) for frames in range(1, 14) for window in range(1, 9)]


@pytest.fixture
def encoder() -> ObjectEncoder:
    torch.manual_seed(0)
    return ObjectEncoder(channels=16, heads=4, feedforward=32, layers=3).eval()


@pytest.fixture
def queries() -> torch.Tensor:
    return torch.randn(1, 7, 3, 16, generator=torch.Generator().manual_seed(1))  # 7 frames with 3 queries each


@pytest.mark.parametrize("shifted", [False, True])
def test_groups_cut_the_video_into_neighbouring_pieces(shifted: bool) -> None:
    for frames, window in [*FRAMES_AND_WINDOWS, *((frames, 0) for frames in range(1, 14))]:
        groups = frame_groups(frames, window, shifted)
        assert [frame for start, stop in groups for frame in range(start, stop)] == list(range(frames))
        assert all(stop - start <= (window or frames) for start, stop in groups)
        assert all(start < stop for start, stop in groups)


def test_plain_windows_start_at_every_multiple() -> None:
    assert frame_groups(7, 3, False) == [(0, 3), (3, 6), (6, 7)]
    for frames, window in FRAMES_AND_WINDOWS:
        expected = [(start, min(start + window, frames)) for start in range(0, frames, window)]
        assert frame_groups(frames, window, False) == expected


def test_shifted_windows_are_the_stated_intervals() -> None:
    # W = 3: half a window, rounded up, is 2, so the first group has 1 frame and the last, padded to 9, starts at 7.
    assert frame_groups(7, 3, True) == [(0, 1), (1, 4), (4, 7)]
    assert frame_groups(8, 3, True) == [(0, 1), (1, 4), (4, 7), (7, 8)]
    assert frame_groups(7, 6, True) == [(0, 3), (3, 7)]  # padded to 12: [0, 3), [3, 9), [9, 12), cut at 7
    for frames, window in FRAMES_AND_WINDOWS:
        half, padded = ceil(window / 2), ceil(frames / window) * window
        edges = [0, *range(window - half, padded - half + 1, window), padded]
        cut = [(a, min(b, frames)) for a, b in pairwise(edges) if a < min(b, frames)]
        assert frame_groups(frames, window, True) == cut, (frames, window)


def test_no_window_is_one_group_in_every_layer() -> None:
    for frames in range(1, 14):
        assert frame_groups(frames, 0, False) == frame_groups(frames, 0, True) == [(0, frames)]


def test_a_shifted_window_is_no_window_only_when_half_of_it_holds_the_video() -> None:
    for frames in range(2, 10):
        for window in range(1, 24):
            is_whole = frame_groups(frames, window, True) == [(0, frames)]
            assert is_whole == (window // 2 >= frames), (frames, window)
            assert (frame_groups(frames, window, False) == [(0, frames)]) == (window >= frames)


@torch.no_grad()
def test_window_at_least_the_video_is_no_window_without_shift(encoder: ObjectEncoder, queries: torch.Tensor) -> None:
    whole = encoder(queries, 0, shift=False)
    assert_close(encoder(queries, 7, shift=False), whole)
    assert_close(encoder(queries, 0, shift=True), whole)
    assert_close(encoder(queries, 14, shift=True), whole)
    for window, shift in ((6, False), (7, True), (13, True)):
        assert (encoder(queries, window, shift) - whole).abs().max() > 1e-2


@torch.no_grad()
def test_only_every_second_layer_shifts(queries: torch.Tensor) -> None:
    one_layer = ObjectEncoder(channels=16, heads=4, feedforward=32, layers=1)
    assert torch.equal(one_layer(queries, 3, shift=True), one_layer(queries, 3, shift=False))


@torch.no_grad()
@pytest.mark.parametrize(("window", "shift"), [(3, True), (3, False), (4, True), (0, False)])
def test_permuted_queries_give_permuted_tokens(
    encoder: ObjectEncoder, queries: torch.Tensor, window: int, shift: bool
) -> None:
    order = torch.stack([torch.randperm(3, generator=torch.Generator().manual_seed(t)) for t in range(7)])
    index = order[None, :, :, None].expand_as(queries)  # another order in every frame
    permuted = encoder(queries.gather(2, index), window, shift)
    assert_close(permuted, encoder(queries, window, shift).gather(2, index))


@torch.no_grad()
@pytest.mark.parametrize(("window", "shift"), [(3, True), (5, False), (0, False)])
def test_a_batch_is_its_clips_one_by_one(encoder: ObjectEncoder, window: int, shift: bool) -> None:
    clips = torch.randn(2, 5, 3, 16)
    together = encoder(clips, window, shift)
    assert_close(together, torch.cat([encoder(clip[None], window, shift) for clip in clips]))


@torch.no_grad()
def test_nothing_crosses_a_window_in_one_layer(queries: torch.Tensor) -> None:
    layer = ObjectEncoder(channels=16, heads=4, feedforward=32, layers=1)
    changed = queries.clone()
    changed[:, 3:] += 1.0  # window 3: frames 0, 1, 2 are a group of their own
    before, after = layer(queries, 3, shift=False), layer(changed, 3, shift=False)
    assert_close(after[:, :3], before[:, :3])
    assert (after[:, 3:] - before[:, 3:]).abs().amin(dim=(0, 2, 3)).max() > 0


def test_two_shifted_layers_carry_information_across_a_window_edge(encoder: ObjectEncoder) -> None:
    def reached(shift: bool) -> list[bool]:
        """Which frames the last layer's tokens of frame 0 depend on."""
        queries = torch.randn(1, 6, 3, 16, requires_grad=True)
        (encoder(queries, 3, shift)[:, 0] * torch.randn(16)).sum().backward()
        return (queries.grad.abs().amax(dim=(0, 2, 3)) > 1e-6).tolist()

    # Layers group [0,3) [3,6), then [0,1) [1,4) [4,6), then as the first: the last step sees 0-2, of which the second
    # made 1 and 2 from 1-3, of which the first made 3 from 3-5.
    assert reached(shift=True) == [True] * 6
    assert reached(shift=False) == [True] * 3 + [False] * 3
