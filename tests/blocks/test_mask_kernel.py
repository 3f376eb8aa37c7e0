"""The compiled kernel beside the plain way: resize whole maps, threshold, encode all pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, decode, encode, to_network_size, to_out_size
from vita.blocks.mask_kernel import resize_axis

SAME = FrameGeometry((4, 3), (4, 3), (4, 3))  # nothing is resized


def coded(logits: Tensor, geometry: FrameGeometry) -> MaskTracks:
    tracks = MaskTracks(geometry, len(logits))
    tracks.add(logits)
    return tracks


def plain_quality(network: Tensor) -> Tensor:
    """network: logits (M, T, H, W)."""
    inside = network > 0
    return (network.double().sigmoid() * inside).sum((1, 2, 3)) / (inside.sum((1, 2, 3)) + 1e-6)


side = st.integers(1, 9)


@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(side, side),
    scale=st.tuples(st.floats(1, 5), st.floats(1, 5)),
    cut=st.tuples(st.floats(0.5, 1), st.floats(0.5, 1)),
    out=st.none() | st.tuples(st.integers(1, 40), st.integers(1, 40)),
    level=st.sampled_from([-3.0, -1.0, 0.0, 1.0, 9.0]),
)
@settings(max_examples=150, deadline=None)
def test_as_whole_maps_resized(
    seed: int,
    size: tuple[int, int],
    scale: tuple[float, float],
    cut: tuple[float, float],
    out: tuple[int, int] | None,
    level: float,
) -> None:
    padded = tuple(int(n * factor) for n, factor in zip(size, scale, strict=True))
    network = tuple(max(1, int(n * part)) for n, part in zip(padded, cut, strict=True))
    geometry = FrameGeometry(padded, network, out or network)  # type: ignore[arg-type]
    logits = torch.randn(3, 2, *size, generator=torch.Generator().manual_seed(seed)) + level
    tracks = coded(logits, geometry)
    at_network_size = to_network_size(logits, geometry)
    shown = to_out_size(at_network_size, geometry)
    differing = decode(tracks.segmentations) != (shown > 0).numpy()
    # Only where the sign is a matter of rounding.
    assert shown.abs().numpy()[differing].max(initial=0) < 1e-5
    if (at_network_size.abs() > 1e-5).all():
        assert_close(tracks.quality, plain_quality(at_network_size).float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("target", [(64, 96), (60, 90), (45, 75), (12, 20)])
def test_values_are_those_of_torch_so_that_codes_are_too(target: tuple[int, int]) -> None:
    logits = torch.randn(20, 2, 16, 24, generator=torch.Generator().manual_seed(1))
    geometry = FrameGeometry(padded=(64, 96), network=(60, 90), out=target)
    expected = encode(to_out_size(to_network_size(logits, geometry), geometry) > 0)
    assert coded(logits, geometry).segmentations == expected


@pytest.mark.parametrize(
    "picture",
    [
        ["...", "...", "...", "..."],
        ["###", "###", "###", "###"],
        ["#..", "...", "...", "..."],
        ["...", "...", "...", "..#"],
        ["...", "###", "###", "..."],  # touches neither the top nor the bottom of its columns
        [".#.", ".#.", ".#.", ".#."],
        ["##.", "##.", "##.", "##."],  # one run through two columns
        [".##", ".##", ".##", ".##"],  # and to the end
        ["##.", "##.", "#..", "#.."],  # from the bottom of a column to the top of the next
        ["..#", "..#", "##.", "##."],
        ["#.#", ".#.", "#.#", ".#."],
    ],
)
def test_runs_at_the_edges_of_columns(picture: list[str]) -> None:
    mask = torch.tensor([[letter == "#" for letter in line] for line in picture])
    logits = torch.where(mask, 2.0, -2.0)[None, None]
    assert coded(logits, SAME).segmentations == encode(mask[None, None])


def test_a_pixel_that_is_exactly_zero_is_outside() -> None:
    logits = torch.zeros(1, 1, 4, 3)
    tracks = coded(logits, SAME)
    assert tracks.segmentations == encode(logits > 0)
    assert tracks.quality.tolist() == [0]


def test_values_that_are_no_numbers_are_outside() -> None:
    logits = torch.full((1, 1, 4, 3), 2.0)
    logits[0, 0, 1, 1] = float("nan")
    geometry = FrameGeometry((8, 6), (8, 6), (8, 6))
    tracks = coded(logits, geometry)
    assert tracks.segmentations == encode(to_network_size(logits, geometry) > 0)
    assert 0 < decode(tracks.segmentations).sum() < 8 * 6
    assert tracks.quality.tolist() == pytest.approx([torch.tensor(2.0).sigmoid().item()])


def test_long_codes() -> None:
    """A checkerboard has a run for every pixel: more characters than are there at first."""
    mask = (torch.arange(60)[:, None] + torch.arange(81)[None]) % 2 == 0
    geometry = FrameGeometry((60, 81), (60, 81), (60, 81))
    logits = torch.where(mask, 1.0, -1.0).expand(3, 2, -1, -1)
    assert coded(logits, geometry).segmentations == encode(mask.expand(3, 2, -1, -1))


def test_no_masks_and_half_precision() -> None:
    assert coded(torch.zeros(0, 2, 4, 3), SAME).segmentations == []
    logits = torch.randn(2, 2, 4, 3, generator=torch.Generator().manual_seed(3)).bfloat16()
    assert coded(logits, SAME).segmentations == encode(logits > 0)


@given(source=st.integers(1, 50), target=st.integers(1, 200), part=st.floats(0.3, 1))
@settings(max_examples=60, deadline=None)
def test_an_axis_interpolates_as_torch_does(source: int, target: int, part: float) -> None:
    kept = max(1, int(target * part))
    axis = resize_axis(source, target, kept)
    ramp = torch.arange(source, dtype=torch.float32)
    expected = F.interpolate(ramp[None, None], size=target, mode="linear", align_corners=False)[0, 0, :kept]
    found = axis.before * (1 - axis.weight) + axis.after * axis.weight
    assert_close(torch.from_numpy(found).float(), expected, atol=1e-4, rtol=1e-5)
    assert (axis.after < source).all() and (np.diff(axis.before) >= 0).all() and (np.diff(axis.after) >= 0).all()
