import numpy as np
import pytest
from evaluation_scenes import code, codes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from vita.core.contract import UserError
from vita.evaluation.readers.mask_tracks import read_mask_track
from vita.evaluation.tube_iou import Tubes

SHAPE = (3, 4, 5)  # frames, height, width


def tubes(tracks: list[list], height: int, width: int) -> Tubes:
    return Tubes([read_mask_track(track, height, width, f"track {n}") for n, track in enumerate(tracks)], height, width)


def all_ious(tracks: list[list], height: int, width: int) -> np.ndarray:
    every = np.arange(len(tracks))
    return tubes(tracks, height, width).ious(every, every)


def test_two_frames_by_hand() -> None:
    left = codes([[[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 0], [0, 1, 1, 0]]])  # 3 + 2 pixels
    right = codes([[[1, 1, 0, 0], [0, 1, 0, 0]], [[0, 0, 0, 1], [0, 1, 0, 0]]])  # 3 + 2 pixels
    # Shared: 2 in the first frame, 1 in the second. Union: 4 + 3.
    assert all_ious([left, right], 2, 4)[0, 1] == 3 / 7


def test_frames_without_a_mask_count_through_the_other_track() -> None:
    full, half = np.ones((2, 4)), [[1, 1, 0, 0], [1, 1, 0, 0]]
    left, right = codes([full, None, None, half]), codes([half, half, None, None])
    # Shared 4 in frame 0. Union 8 there, 4 in frame 1 (right alone), 0 in frame 2, 4 in frame 3 (left alone).
    assert all_ious([left, right], 2, 4)[0, 1] == 4 / 16


def test_frames_after_the_end_of_the_shorter_track_do_not_count() -> None:
    full, half = np.ones((2, 4)), [[1, 1, 0, 0], [1, 1, 0, 0]]
    short, long = codes([half, half]), codes([full, half, full, full])
    # Shared 4 + 4, union 8 + 4; the last two frames of the long track are left out.
    found = tubes([short, long], 2, 4)
    assert found.ious(np.array([0]), np.array([1]))[0, 0] == 8 / 12
    assert found.ious(np.array([1]), np.array([0]))[0, 0] == 8 / 12
    # The mean area, which decides between small and large, is still that of all four frames.
    assert found.mean_areas.tolist() == [4, (8 + 4 + 8 + 8) / 4]


def test_two_tracks_without_pixels_have_iou_zero() -> None:
    found = tubes([codes([None, None]), codes([np.zeros((2, 4)), None])], 2, 4)
    assert found.ious(np.array([0, 1]), np.array([0, 1])).tolist() == [[0, 0], [0, 0]]
    assert found.mean_areas.tolist() == [0, 0]


def test_no_tracks_on_one_side() -> None:
    found = tubes([codes([np.ones((2, 4))])], 2, 4)
    assert found.ious(np.array([0]), np.array([], int)).shape == (1, 0)


def test_uncompressed_compressed_bytes_and_polygon_are_the_same_mask() -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[1:4, 2:6] = 1
    counts = [2 * 6 + 1, 3, 3, 3, 3, 3, 3, 3, 14]
    compressed = code(mask)
    forms = [
        compressed,
        {"size": [6, 8], "counts": compressed["counts"].encode()},
        {"size": [6, 8], "counts": counts},
        [[2, 1, 6, 1, 6, 4, 2, 4]],
    ]
    assert all_ious([[form] for form in forms], 6, 8).tolist() == np.ones((4, 4)).tolist()


def test_a_tube_of_more_than_2_to_the_32_pixels() -> None:
    height, width, frames = 40_000, 50_000, 5  # 2e9 pixels a frame, 1e10 in all
    pixels = height * width

    def first(count: int) -> dict:
        counts = [0, count, pixels - count] if count < pixels else [0, pixels]
        return {"size": [height, width], "counts": counts}

    left, right = [first(pixels)] * frames, [first(pixels // 4)] * (frames - 1) + [first(pixels)]
    found = tubes([left, right], height, width)
    # Shared 4 x 0.5e9 + 2e9 = 4e9 of 1e10: both beyond 32 bits, in the running positions and in the sums.
    assert found.ious(np.array([0]), np.array([1]))[0, 0] == 4e9 / 1e10
    assert found.mean_areas.tolist() == [2e9, 4e9 / 5]


def test_a_720p_video_of_5000_frames() -> None:
    height, width, frames = 720, 1280, 5000  # 4.6e9 pixels, more than 32 bits count
    pixels = height * width
    assert pixels * frames > 2**32
    whole, left_half = ({"size": [height, width], "counts": [0, n, pixels - n]} for n in (pixels - 1, pixels // 2))
    found = tubes([[whole] * frames, [left_half] * frames, [whole, left_half] * (frames // 2)], height, width)
    # Shared and united pixels of a frame: the left half is in the frame without its last pixel.
    ious = found.ious(np.array([0, 1]), np.array([1, 2]))
    half, all_but_one = pixels // 2, pixels - 1
    assert ious[0].tolist() == [half / all_but_one, (all_but_one + half) / (2 * all_but_one)]
    assert ious[1].tolist() == [1, 2 * half / (all_but_one + half)]
    assert found.mean_areas.tolist() == [all_but_one, half, (all_but_one + half) / 2]


@pytest.mark.parametrize("height", [2**14, 2**15, 2**17])
def test_frames_beyond_32_bits(height: int) -> None:
    # 2^28 to 2^31 pixels a frame: narrow and wide edges, and numbers of six and seven characters in a code.
    pixels = height * 2**14
    size = [height, 2**14]
    one = {"size": size, "counts": [5, pixels // 2, pixels - pixels // 2 - 5]}
    other = {"size": size, "counts": [0, 9, pixels - 10, 1]}
    found = tubes([[one], [other]], *size)
    assert found.mean_areas.tolist() == [pixels // 2, 10]
    assert found.ious(np.array([0]), np.array([1]))[0, 0] == 4 / (pixels // 2 + 10 - 4)


def test_only_compared_tracks_keep_their_masks() -> None:
    left, right = codes([np.ones((2, 4))]), codes([[[1, 1, 0, 0], [1, 1, 0, 0]]])
    tracks = [read_mask_track(track, 2, 4, "track") for track in (left, right, left)]
    found = Tubes(tracks, 2, 4, compared=np.array([False, True, True]))
    assert found.mean_areas.tolist() == [8, 4, 8]
    assert found.ious(np.array([1]), np.array([2])).tolist() == [[1 / 2]]


masks = arrays(np.uint8, SHAPE, elements=st.integers(0, 1))


@given(st.lists(masks, min_size=2, max_size=4))
@settings(max_examples=60, deadline=None)
def test_equals_numpy_on_decoded_masks(tracks: list[np.ndarray]) -> None:
    found = tubes([codes(track) for track in tracks], *SHAPE[1:])
    every = np.arange(len(tracks))
    for row, left in enumerate(tracks):
        for column, right in enumerate(tracks):
            union = np.count_nonzero(left | right)
            expected = np.count_nonzero(left & right) / union if union else 0.0
            assert found.ious(every, every)[row, column] == expected
    visible = [[frame.sum() for frame in track if frame.any()] for track in tracks]
    assert found.mean_areas.tolist() == [np.mean(areas) if areas else 0 for areas in visible]


@given(masks, masks, st.permutations(range(SHAPE[0])))
@settings(max_examples=60, deadline=None)
def test_symmetric_one_with_itself_and_blind_to_the_order_of_frames(
    left: np.ndarray, right: np.ndarray, order: list[int]
) -> None:
    found = all_ious([codes(left), codes(right)], *SHAPE[1:])
    assert found[0, 1] == found[1, 0]
    assert found[0, 0] == float(left.any())
    assert all_ious([codes(left[order]), codes(right[order])], *SHAPE[1:])[0, 1] == found[0, 1]


@given(st.integers(0, 2**32 - 1), st.sampled_from([(1, 1), (1, 700), (700, 1), (37, 53)]))
@settings(max_examples=60, deadline=None)
def test_decodes_what_pycocotools_encodes(seed: int, size: tuple[int, int]) -> None:
    generator = np.random.default_rng(seed)
    # Long and short runs: the length of a run needs one to three characters.
    flat = np.repeat(generator.integers(0, 2, 400), generator.geometric(generator.uniform(0.005, 1), 400))
    mask = np.resize(flat, size).astype(np.uint8)
    encoded = coco_mask.encode(np.asfortranarray(mask))
    track = [{"size": list(size), "counts": encoded["counts"].decode()}]
    assert tubes([track], *size).mean_areas[0] == mask.sum()


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ("11", "too few pixels"),
        ("0l81", "too many pixels"),
        ("P", "the last number has no end"),
        ("1~", "not a digit of the code"),
        ("O9", "a negative run"),
        ("oooooooooooooooooooo1", "a number without end"),
    ],
)
def test_a_malformed_code_is_named(counts: str, why: str) -> None:
    good = code(np.ones((2, 4)))
    tracks = [[good, good], [good, {"size": [2, 4], "counts": counts}]]
    with pytest.raises(UserError, match=r"track 1, frame 1 .*malformed run-length code.*2 x 4 pixels"):
        tubes(tracks, 2, 4)
