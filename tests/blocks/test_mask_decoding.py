"""Mask logits to run-length codes, by hand."""

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from torch.testing import assert_close

from vita.blocks.mask_decoding import (
    FrameGeometry,
    MaskTracks,
    decode,
    encode,
    frames_per_chunk,
    to_network_size,
    to_out_size,
)

SMALL = FrameGeometry(padded=(2, 2), network=(2, 2), out=(2, 2))  # logits at the size of the frame: nothing is resized


def logit(probability: float) -> float:
    return log(probability / (1 - probability))


def test_quality_is_the_mean_probability_inside_the_mask() -> None:
    tracks = MaskTracks(SMALL, 2)
    first = [[logit(0.75), logit(0.4)], [0.0, logit(0.9)]]  # 0.5 itself is outside
    tracks.add(torch.tensor([[first], [[[-1.0, -2.0], [-3.0, -4.0]]]]))
    assert tracks.quality.tolist() == pytest.approx([(0.75 + 0.9) / 2, 0])
    second = [[logit(0.6), -1.0], [-1.0, -1.0]]
    tracks.add(torch.tensor([[second, second], [[[5.0, -1.0], [-1.0, -1.0]], [[-1.0] * 2] * 2]]))
    # Over all frames and pixels at once, not a mean of frames.
    assert tracks.quality.tolist() == pytest.approx([(0.75 + 0.9 + 0.6 + 0.6) / 4, torch.tensor(5.0).sigmoid().item()])
    assert decode([tracks.segmentations[0]])[0].tolist() == [[[1, 0], [0, 1]], [[1, 0], [0, 0]], [[1, 0], [0, 0]]]
    assert decode([tracks.segmentations[1]])[0].sum((1, 2)).tolist() == [0, 1, 0]


def test_empty_mask_has_quality_zero_and_a_code_for_every_frame() -> None:
    tracks = MaskTracks(SMALL, 1)
    tracks.add(torch.full((1, 3, 2, 2), -5.0))
    assert tracks.quality.tolist() == [0]
    assert [coco_mask.area(code) for code in tracks.segmentations[0]] == [0, 0, 0]
    assert tracks.segmentations[0][0]["size"] == [2, 2]


def test_chunks_of_frames_make_no_difference() -> None:
    geometry = FrameGeometry(padded=(32, 64), network=(30, 50), out=(45, 75))
    logits = torch.randn(3, 5, 8, 16, generator=torch.Generator().manual_seed(0))
    whole, pieces = MaskTracks(geometry, 3), MaskTracks(geometry, 3)
    whole.add(logits)
    for chunk in logits.split([2, 1, 2], dim=1):
        pieces.add(chunk)
    assert pieces.segmentations == whole.segmentations
    assert_close(pieces.quality, whole.quality)


def test_padding_is_cut_after_resizing() -> None:
    geometry = FrameGeometry(padded=(4, 8), network=(4, 6), out=(4, 6))
    columns = torch.tensor([[0.0, 4.0]]).view(1, 1, 1, 2)
    network = to_network_size(columns, geometry)
    # Eight columns between two centres that lie at 1.5 and 5.5; columns 6 and 7 are padding.
    assert network.shape == (1, 1, 4, 6)
    assert network[0, 0, 0].tolist() == [0.0, 0.0, 0.5, 1.5, 2.5, 3.5]


def test_masks_are_cut_where_the_resized_logit_is_above_zero() -> None:
    geometry = FrameGeometry(padded=(1, 2), network=(1, 2), out=(1, 4))
    logits = torch.tensor([[[[-1.0, 2.0]]]])
    assert to_out_size(logits, geometry).flatten().tolist() == [-1.0, -0.25, 1.25, 2.0]
    tracks = MaskTracks(geometry, 1)
    tracks.add(logits)
    assert decode([tracks.segmentations[0]])[0].tolist() == [[[0, 0, 1, 1]]]
    # The quality is taken before that: one of two pixels.
    assert tracks.quality.tolist() == pytest.approx([torch.tensor(2.0).sigmoid().item()])


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(*(st.integers(1, n) for n in (3, 3, 12, 12))),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
@settings(max_examples=50, deadline=None)
def test_codes_decode_to_the_masks(seed: int, shape: tuple[int, int, int, int], density: float) -> None:
    masks = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density
    codes = encode(masks)
    assert [len(track) for track in codes] == [shape[1]] * shape[0]
    assert all(code["size"] == list(shape[2:]) and isinstance(code["counts"], str) for track in codes for code in track)
    assert np.array_equal(decode(codes), masks.numpy())


def test_chunk_length_follows_from_the_larger_picture() -> None:
    padded, shown = (384, 640), (360, 640)
    assert frames_per_chunk(FrameGeometry(padded, shown, shown)) == 1_200_000 // (384 * 640)
    assert frames_per_chunk(FrameGeometry(padded, shown, (720, 1280))) == 1_200_000 // (720 * 1280)
    assert frames_per_chunk(FrameGeometry(padded, shown, (4000, 6000))) == 1
