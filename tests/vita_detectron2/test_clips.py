"""Entries of loaders as clips and as frames.

Legend: T frames, N objects, H W pixels.
"""

from __future__ import annotations

import pytest
import torch
from detectron2_checkout import needs_detectron2
from released_models import loaded, two_objects

from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import UserError
from vita_detectron2.architectures.clips import InputFrames, clip_of, framed

CPU = torch.device("cpu")


@pytest.mark.detectron2
@needs_detectron2[1]
def test_objects_have_the_class_and_the_frames_that_the_loader_says() -> None:
    """Three objects: in all frames, from the second on, and one of no class, which is no object."""
    masks = torch.cat([two_objects(3), two_objects(3)[:1]])
    entry = loaded(masks, [2, 0, -1])
    for one in entry["instances"]:
        one.gt_ids[2] = -1
    clip = clip_of({**entry, "frame_idx": [4, 7, 9]}, CPU)
    torch.testing.assert_close(clip.masks, masks[:2])
    assert clip.labels.tolist() == [2, 0]
    assert clip.ids.tolist() == [[0, 0, 0], [-1, 1, 1]]
    assert clip.annotated.tolist() == [[True] * 3, [False, True, True]]
    assert (clip.video_id, clip.frame_indices) == (4, (4, 7, 9))
    assert torch.equal(clip.frames, torch.stack(entry["image"])) and clip.frames.dtype == torch.uint8


@pytest.mark.detectron2
@needs_detectron2[1]
def test_a_clip_without_objects() -> None:
    clip = clip_of(loaded(torch.zeros(0, 2, 8, 8, dtype=torch.bool), []), CPU)
    assert clip.masks.shape == (0, 2, 8, 8) and clip.ids.shape == clip.annotated.shape == (0, 2)
    assert clip.labels.shape == (0,)


def test_frames_of_different_sizes_are_padded_with_what_becomes_zero() -> None:
    large, small = (torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in ((32, 40), (20, 64)))
    seen = normalise_and_pad([framed([large, small], CPU)])
    assert seen.shape == (2, 3, 32, 64)
    assert torch.equal(seen[0, :, :, :40], normalise_and_pad([large[None]])[0, :, :, :40])
    assert torch.equal(seen[1, :, :20], normalise_and_pad([small[None]])[0, :, :20])
    assert not seen[0, :, :, 40:].any() and not seen[1, :, 20:].any()


def test_frames_of_a_video_to_predict() -> None:
    images = [torch.full((3, 4, 6), number, dtype=torch.uint8) for number in range(5)]
    frames = InputFrames({"image": images, "height": 8, "width": 12})
    assert (len(frames), frames.out_height, frames.out_width) == (5, 8, 12)
    assert frames.read(1, 3)[:, 0, 0, 0].tolist() == [1, 2]
    as_they_are = InputFrames({"image": images})
    assert (as_they_are.out_height, as_they_are.out_width) == (4, 6)
    with pytest.raises(UserError, match=r"video 3: frames of different sizes: \[\(4, 6\), \(5, 6\)\]"):
        InputFrames({"image": [*images, torch.zeros(3, 5, 6)], "video_id": 3})
