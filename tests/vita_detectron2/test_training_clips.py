"""Entries of loaders as clips.

Legend: T frames, N objects, H W pixels.
"""

from __future__ import annotations

import torch
from detectron2_checkout import needs_detectron2
from released_models import loaded, two_objects

from vita_detectron2.architectures.clips import clip_of

pytestmark = needs_detectron2
CPU = torch.device("cpu")


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


def test_a_clip_without_objects() -> None:
    clip = clip_of(loaded(torch.zeros(0, 2, 8, 8, dtype=torch.bool), []), CPU)
    assert clip.masks.shape == (0, 2, 8, 8) and clip.ids.shape == clip.annotated.shape == (0, 2)
    assert clip.labels.shape == (0,)
