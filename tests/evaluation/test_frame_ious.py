"""IoU of tracks in single frames: pycocotools, one pair and one frame at a time, says the same."""

import numpy as np
from evaluation_scenes import codes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from vita.evaluation.readers.mask_tracks import read_mask_track
from vita.evaluation.tube_iou import Tubes

HEIGHT, WIDTH, FRAMES = 3, 4, 3

masks = st.one_of(st.none(), arrays(np.uint8, (HEIGHT, WIDTH), elements=st.integers(0, 1)))
# Tracks may list fewer or more frames than are asked for.
tracks = st.lists(st.lists(masks, max_size=FRAMES + 2), min_size=1, max_size=4)


@settings(max_examples=60)
@given(listed=tracks)
def test_equal_to_pycocotools_frame_by_frame(listed: list[list[np.ndarray | None]]) -> None:
    read = [read_mask_track(codes(track), HEIGHT, WIDTH, "track") for track in listed]
    tubes = Tubes(read, HEIGHT, WIDTH)
    left, right = np.indices((len(listed), len(listed))).reshape(2, -1)
    found = tubes.frame_ious(left, right, FRAMES)
    assert found.shape == (len(left), FRAMES)
    for pair, frame in np.ndindex(found.shape):
        both = [dict(enumerate(codes(listed[side[pair]]))).get(frame) for side in (left, right)]
        expected = coco_mask.iou(both[:1], both[1:], [0])[0, 0] if all(both) else 0.0
        assert found[pair, frame] == expected
    there = [[frame < len(track) and track[frame] is not None for frame in range(FRAMES)] for track in listed]
    assert tubes.has_mask(FRAMES).tolist() == there
