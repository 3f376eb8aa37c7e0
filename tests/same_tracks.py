"""Whether two ways of prediction found the same."""

from __future__ import annotations

import numpy as np
import torch
from torch.testing import assert_close

from vita.blocks.mask_decoding import decode
from vita.core.contract import Track, VideoPrediction


def masks(tracks: list[Track]) -> np.ndarray:
    """(k, T, H, W) of 0 and 1."""
    return decode([track.segmentations for track in tracks])


def assert_same_tracks(tracks: list[Track], others: list[Track]) -> None:
    """Equal labels, in one order; scores to 1e-5; of ten thousand pixels, one may lie on the other side of an edge."""
    assert [track.label for track in tracks] == [track.label for track in others]
    assert_close(torch.tensor([t.score for t in tracks]), torch.tensor([t.score for t in others]), atol=1e-5, rtol=0)
    assert (masks(tracks) != masks(others)).mean() <= 1e-4


def assert_same(one: VideoPrediction, other: VideoPrediction) -> None:
    """As `assert_same_tracks`, for every variant and for the frame detector."""
    assert one.tracks.keys() == other.tracks.keys()
    for name, tracks in one.tracks.items():
        assert_same_tracks(tracks, other.tracks[name])
    for a, b in zip(one.frame_detections, other.frame_detections, strict=True):
        assert (a.frame_index, a.label) == (b.frame_index, b.label)
        assert abs(a.score - b.score) <= 1e-5
