"""Masks over frames: what is drawn lies where the mask is."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from vita.report.figures.overlay import (
    CLASS_COLOURS,
    IDENTITY_COLOURS,
    OBJECT_COLOURS,
    OPACITY,
    Paint,
    show_frame,
    show_mask,
    tinted,
)
from vita.report.figures.style import LINE_STYLES


def rectangle(height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


@pytest.mark.parametrize(
    ("size", "rows", "columns", "pixels"),
    [
        ((12, 24), (4, 8), (3, 9), 4 * 6),
        ((12, 24), (0, 12), (20, 24), 12 * 4),  # at three edges: the outline is closed there too
        ((480, 960), (100, 200), (40, 60), 50 * 10),  # every other pixel is shown
    ],
)
def test_fill_and_outline_lie_on_the_mask(
    size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int], pixels: int
) -> None:
    axes = Figure().add_subplot()
    show_frame(axes, np.zeros((*size, 3), np.uint8), grey=True)
    show_mask(axes, rectangle(*size, rows, columns), Paint("#009E73", "-"))
    frame, filled = axes.images
    assert frame.get_extent() == filled.get_extent() == [0, size[1], size[0], 0]
    shown = np.asarray(filled.get_array())
    assert (shown[..., 3] == OPACITY).sum() == pixels == (shown[..., 3] > 0).sum()
    (path,) = [path for path in axes.collections[0].get_paths() if len(path.vertices)]
    assert path.get_extents().extents.tolist() == [columns[0], rows[0], columns[1], rows[1]]
    assert axes.get_xlim() == (0, size[1]) and axes.get_ylim() == (size[0], 0)


def test_an_empty_mask_has_no_outline() -> None:
    axes = Figure().add_subplot()
    show_mask(axes, np.zeros((12, 24), bool), Paint("#009E73", "-"))
    assert len(axes.collections) == 0


def test_pale_frames_have_no_colour() -> None:
    axes = Figure().add_subplot()
    show_frame(axes, np.full((2, 2, 3), (250, 10, 40), np.uint8), grey=True)
    # Of a mean of 100, six tenths and 80 more.
    assert np.asarray(axes.images[0].get_array()).tolist() == [[[140] * 3] * 2] * 2


def test_every_track_has_its_own_paint() -> None:
    paints = [Paint.of(number, IDENTITY_COLOURS) for number in range(len(IDENTITY_COLOURS) * len(LINE_STYLES))]
    assert len(set(paints)) == len(paints)
    assert not set(IDENTITY_COLOURS) & set(CLASS_COLOURS)
    assert all(to_hex(colour).upper() == colour for colour in (*IDENTITY_COLOURS, *CLASS_COLOURS))


def test_tinted_masks_keep_the_first_above_the_others() -> None:
    masks = np.zeros((2, 1, 3), bool)
    masks[0, 0, :2] = masks[1, 0, 1:] = True
    frame = np.full((1, 3, 3), (250, 10, 40), np.uint8)  # of a mean of 100: 40 and 60 more
    first, both, second = tinted(frame, masks)[0]
    assert first.tolist() == [int(0.3 * 100 + 0.7 * colour) for colour in OBJECT_COLOURS[0]]
    assert second.tolist() == [int(0.3 * 100 + 0.7 * colour) for colour in OBJECT_COLOURS[1]]
    below = 0.3 * 100 + 0.7 * OBJECT_COLOURS[1]
    assert np.abs(both - (0.3 * below + 0.7 * OBJECT_COLOURS[0])).max() <= 1
