"""What is drawn for a clip: windows, turns, jitter; and frames, masks and polygons moved alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion
from scipy.stats import chisquare

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.run_config import AugmentationConfig, CropConfig, JitterConfig, RotationConfig
from vita.data.augment.clip_transform import ClipTransform, Step
from vita.data.augment.settings import draw_transform, window_starts
from vita.data.augment.transforms import Crop, Flip, LineChoice, Pad, Resize, Rotation, choose_lines
from vita.data.masks.polygons import Polygons

CROP = CropConfig(probability=1.0, short_edges=(40, 50), max_edge=100, smallest=30, largest=45)
EVERYTHING = AugmentationConfig(crop=CROP, short_edges=(24, 36), max_edge=60, rotation=RotationConfig())
FRAME = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def test_window_starts_by_hand() -> None:
    # From (10, 0) to (13, 100): 10 + 0.5 * 3 = 11.5 is rounded to the even 12.
    starts = window_starts(np.array([10, 0]), np.array([13, 100]), np.array([0.1, 0.5, 0.994]))
    assert starts.tolist() == [[10, 10], [12, 50], [13, 99]]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 90), st.integers(5, 90))
def test_windows_lie_inside_move_in_one_direction_and_have_allowed_sizes(seed: int, height: int, width: int) -> None:
    transform = draw_transform(AugmentationConfig(crop=CROP), (height, width), 4, np.random.default_rng(seed))
    whole = next((one.new for one in transform.of_frame(0) if isinstance(one, Resize)), (height, width))
    crops = [one for t in range(4) for one in transform.of_frame(t) if isinstance(one, Crop)]
    assert min(whole) in (40, 50) or max(whole) == 100
    assert {(crop.height, crop.width) for crop in crops} == {(crops[0].height, crops[0].width)}
    for edge, length in zip((crops[0].height, crops[0].width), whole, strict=True):
        assert min(30, length) <= edge <= min(45, length)
    assert all(0 <= one.top <= whole[0] - one.height and 0 <= one.left <= whole[1] - one.width for one in crops)
    steps = np.diff([(crop.top, crop.left) for crop in crops], axis=0)
    assert (steps >= 0).all() or (steps <= 0).all()


STILL = CropConfig(probability=1.0, short_edges=(), smallest=30, largest=45, moves=False)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 90), st.integers(5, 90))
def test_a_window_that_stands_still_is_cut_out_of_the_stored_frame(seed: int, height: int, width: int) -> None:
    transform = draw_transform(AugmentationConfig(crop=STILL), (height, width), 3, np.random.default_rng(seed))
    assert not [one for one in transform.of_frame(0) if isinstance(one, Resize)]
    crops = [one for t in range(3) for one in transform.of_frame(t) if isinstance(one, Crop)]
    assert len(crops) == 3 and len(set(crops)) == 1
    assert min(30, height) <= crops[0].height <= min(45, height) and min(30, width) <= crops[0].width <= min(45, width)
    assert 0 <= crops[0].top <= height - crops[0].height and 0 <= crops[0].left <= width - crops[0].width


@pytest.mark.parametrize(("moves", "alike"), [(False, True), (True, False)])
def test_where_the_window_of_a_single_image_lies(moves: bool, alike: bool) -> None:
    """Of one that stands still, all places are as likely: 11 from top to bottom, 21 from left to right.

    One that moves is met on its way from any place to one further on, which is seldom the first.
    """
    crop = STILL.model_copy(update={"largest": 30, "moves": moves})
    rng = np.random.default_rng(0)
    config = AugmentationConfig(crop=crop, flip_probability=0.0)
    drawn = [draw_transform(config, (40, 50), 1, rng).of_frame(0)[0] for _ in range(4000)]
    counts = [np.bincount([one.top for one in drawn], minlength=11), np.bincount([one.left for one in drawn])]
    assert [len(one) for one in counts] == [11, 21]
    assert all((chisquare(one).pvalue > 1e-3) == alike for one in counts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_masks_in_one_go_are_as_step_by_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    transform = draw_transform(EVERYTHING, (32, 48), 3, rng)
    mask = rng.random((32, 48)) < 0.5
    for t in range(3):
        expected = mask
        for one in transform.of_frame(t):
            expected = one.mask(expected)
        np.testing.assert_array_equal(transform.mask(t, mask), expected)
        np.testing.assert_array_equal(transform.mask(t, np.asfortranarray(mask)), expected)
        assert expected.shape == transform.size


def test_frames_in_one_go_are_as_step_by_step() -> None:
    transform = draw_transform(EVERYTHING, (32, 48), 3, np.random.default_rng(5))
    moved = transform.frames([FRAME, FRAME[::-1], FRAME])
    for t, picture in enumerate((FRAME, FRAME[::-1], FRAME)):
        expected = picture
        for one in transform.of_frame(t):
            expected = one.frame(expected)
        np.testing.assert_array_equal(moved[t].transpose(1, 2, 0), expected)


def test_a_picture_that_occurs_twice_is_resized_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    resize = Resize.frame
    monkeypatch.setattr(Resize, "frame", lambda self, frame: seen.append(id(frame)) or resize(self, frame))
    angles = (Rotation(1.0, (4.0, 4.0)), Rotation(2.0, (4.0, 4.0)), Rotation(1.0, (4.0, 4.0)))
    transform = ClipTransform((32, 48), (Step((Resize((32, 48), (16, 24)),) * 3, (16, 24)), Step(angles, (16, 24))))
    first, second, third = transform.frames([FRAME] * 3)
    assert len(seen) == 1
    assert (first == third).all() and (first != second).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_polygons_move_with_masks(seed: int) -> None:
    """The outline of a large convex object, moved and filled, is its pixels moved, but for four pixels of border."""
    rng = np.random.default_rng(seed)
    size = (120, 160)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
    outline = np.stack([80 + 50 * np.cos(angles), 60 + 40 * np.sin(angles)], axis=1)
    polygons = Polygons((outline,))
    crop = CropConfig(probability=0.5, short_edges=(100, 140), max_edge=300, smallest=90, largest=130)
    config = AugmentationConfig(crop=crop, short_edges=(110, 150), max_edge=250, rotation=RotationConfig())
    transform = draw_transform(config, size, 2, rng)
    for t in range(2):
        filled = polygons.moved(lambda points, t=t: transform.points(t, points)).mask(transform.size)
        filled &= True if transform.shown(t) is None else transform.shown(t)
        moved = transform.mask(t, polygons.mask(size))
        core = binary_erosion(filled, iterations=4)
        assert (core <= moved).all() and (moved <= binary_dilation(filled, iterations=4)).all()


def test_parts_of_polygons_outside_of_the_frame_are_cut_off() -> None:
    square = Polygons((np.array([[-10.0, -10.0], [3.0, -10.0], [3.0, 2.0], [-10.0, 2.0]]),))
    expected = np.zeros((5, 6), bool)
    expected[:2, :3] = True
    np.testing.assert_array_equal(square.mask((5, 6)), expected)
    away = Polygons((np.array([[10.0, 10.0], [13.0, 10.0], [13.0, 12.0]]),))
    assert not away.mask((5, 6)).any()


def test_padding_is_grey_without_objects() -> None:
    pad = Pad((4, 5))
    padded = pad.frame(np.zeros((2, 3, 3), np.uint8))
    assert padded.shape == (4, 5, 3) and padded[:2, :3].sum() == 0
    assert (padded[2:] == 128).all() and (padded[:, 3:] == 128).all()
    mask = pad.mask(np.ones((2, 3), bool))
    assert mask.dtype == bool and mask.sum() == 6 and mask[:2, :3].all()
    assert not isinstance(pad, LineChoice)


def test_choices_of_lines_by_hand() -> None:
    mask = np.arange(12).reshape(3, 4) % 5 == 0  # 0, 5 and 10: (0, 0), (1, 1), (2, 2)
    chosen = choose_lines([Crop(1, 1, 3, 2), Flip(3)], mask)
    assert chosen.tolist() == [[False, False, True], [False, True, False]]


# Jitter


@pytest.mark.parametrize(
    ("scale", "resized", "window"),
    [(0.5, (16, 24), (16, 24)), (2.0, (64, 96), (48, 48)), (1.0, (32, 48), (32, 48)), (1.25, (40, 60), (40, 48))],
)
def test_jitter_fits_into_the_scaled_square_then_cuts_or_fills(
    scale: float, resized: tuple[int, int], window: tuple[int, int]
) -> None:
    """A frame of 32 x 48 in a square of 48: its longer side becomes scale * 48."""
    config = AugmentationConfig(jitter=JitterConfig(size=48, scale=(scale, scale)), flip_probability=0.0)
    transform = draw_transform(config, (32, 48), 2, np.random.default_rng(0))
    steps = {type(one): one for one in transform.of_frame(0)}
    assert transform.size == (48, 48) and transform.of_frame(0) == transform.of_frame(1)
    assert (steps[Resize].new if Resize in steps else (32, 48)) == resized
    crop = steps.get(Crop, Crop(0, 0, resized[1], resized[0]))
    assert (crop.height, crop.width) == window
    assert (Pad in steps) == (window != (48, 48))


def test_jitter_draws_scales_and_windows_evenly() -> None:
    config = AugmentationConfig(jitter=JitterConfig(size=100, scale=(0.5, 2.0)), flip_probability=0.0)
    rng = np.random.default_rng(0)
    drawn = [draw_transform(config, (100, 100), 1, rng).of_frame(0) for _ in range(600)]
    scales = [next((one.new[0] for one in steps if isinstance(one, Resize)), 100) / 100 for steps in drawn]
    assert 0.5 <= min(scales) < 0.52 and 1.98 < max(scales) <= 2.0
    assert np.mean(scales) == pytest.approx(1.25, abs=4 * (1.5 / 12**0.5) / 600**0.5)
    crops = [(one, steps[0].new[0]) for steps in drawn for one in steps if isinstance(one, Crop)]
    places = [crop.top / (edge - 100) for crop, edge in crops if edge > 150]
    assert all(crop.top == crop.left for crop, _ in crops)  # one share of the room in both directions
    assert np.mean(places) == pytest.approx(0.5, abs=4 * 12**-0.5 / len(places) ** 0.5)


# Configuration


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"crop": {"smallest": 700}}, r"smallest \(700\) must not be above largest \(600\)"),
        ({"crop": {"short_edges": [0]}}, "crop.short_edges.0"),
        ({"rotation": {"centre": [0.6, 0.4]}}, "two shares in 0..1, the smaller first"),
        ({"jitter": {"scale": [2.0, 0.1]}}, "two factors, the smaller first"),
        ({"jitter": {"scale": [0.0, 0.1]}}, "jitter.scale.0"),
        ({"jitter": {}, "short_edges": [100]}, "jitter takes the place of crop and short_edges"),
    ],
)
def test_impossible_settings(raw: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(AugmentationConfig, raw, "augmentation")
