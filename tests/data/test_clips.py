"""The training stream: stateless, sampled as the release does, and consistent with the annotations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch.utils.data import DataLoader

from vita.core.contract import Clip, UserError
from vita.core.run_config import AugmentationConfig
from vita.data.augment.clip_transform import ClipTransform, Step
from vita.data.augment.settings import draw_transform
from vita.data.augment.transforms import Flip
from vita.data.masks import rle
from vita.data.sampling.clip_stream import ClipStream
from vita.data.sampling.clips import VideoClips, draw_frames
from vita.data.ytvis import Split, read_split, read_video_frame

PLAIN = AugmentationConfig(flip_probability=0.0)


@pytest.fixture(scope="module")
def split(shapes_root: Path) -> Split:
    return read_split(shapes_root / "train" / "instances.json", shapes_root / "train" / "JPEGImages")


def sampler(split: Split, clip_frames: int = 3, augmentation: AugmentationConfig = PLAIN, seed: int = 0) -> ClipStream:
    clips = VideoClips(split, clip_frames=clip_frames, frame_range=4, augmentation=augmentation)
    return ClipStream([clips], [1.0], length=40, seed=seed)


def assert_same(one: Clip, two: Clip) -> None:
    for name in ("frames", "masks", "labels", "ids"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert (one.video_id, one.frame_indices) == (two.video_id, two.frame_indices)


def test_order_and_repetition_of_access_do_not_matter(split: Split) -> None:
    augmentation = AugmentationConfig(short_edges=(24, 32, 40))
    forwards, backwards = (sampler(split, augmentation=augmentation) for _ in range(2))
    there = [forwards[k] for k in range(12)]
    back = [backwards[k] for k in reversed(range(12))][::-1]
    for one, two in zip(there, back, strict=True):
        assert_same(one, two)
    assert_same(forwards[5], there[5])


def test_workers_give_the_same_stream(split: Split) -> None:
    stream = sampler(split)
    loader = DataLoader(stream, batch_size=None, sampler=range(8), num_workers=2)  # type: ignore[arg-type]
    for k, clip in enumerate(loader):
        assert_same(clip, stream[k])


def test_seeds_give_different_streams(split: Split) -> None:
    one, two = sampler(split, seed=0), sampler(split, seed=1)
    assert [one[k].frame_indices for k in range(10)] != [two[k].frame_indices for k in range(10)]


def test_length_ends_the_stream(split: Split) -> None:
    stream = sampler(split)
    assert len(stream) == 40
    for k in (40, -1):
        with pytest.raises(IndexError):
            stream[k]


def test_clip_holds_the_annotated_masks_and_frames(split: Split) -> None:
    stream = sampler(split)
    for k in range(10):
        clip = stream[k]
        place = [video.id for video in split.videos].index(clip.video_id)
        video, instances = split.videos[place], split.instances[place]
        frames = np.stack([read_video_frame(video, t) for t in clip.frame_indices])
        np.testing.assert_array_equal(clip.frames.permute(0, 2, 3, 1).numpy(), frames)
        seen = [n for n, one in enumerate(instances) if any(one.segmentations[t] for t in clip.frame_indices)]
        assert len(seen) == len(clip.labels)
        for row, number in enumerate(seen):
            codes = [instances[number].segmentations[t] for t in clip.frame_indices]
            np.testing.assert_array_equal(clip.masks[row].numpy(), rle.decode(codes, 32, 48))
            assert clip.ids[row].tolist() == [-1 if code is None else number for code in codes]
            assert clip.annotated[row].tolist() == [code is not None for code in codes]
            assert clip.labels[row] == instances[number].label


def test_types_and_shapes(split: Split) -> None:
    clip = sampler(split, augmentation=AugmentationConfig(short_edges=(16,)))[0]
    count = len(clip.labels)
    assert (clip.frames.dtype, clip.frames.shape) == (torch.uint8, (3, 3, 16, 24))
    assert (clip.masks.dtype, clip.masks.shape) == (torch.bool, (count, 3, 16, 24))
    assert (clip.labels.dtype, clip.ids.dtype, clip.ids.shape) == (torch.int64, torch.int64, (count, 3))
    assert (clip.annotated.dtype, clip.annotated.shape) == (torch.bool, (count, 3))
    assert clip.masks.any(dim=(2, 3)).equal(clip.ids >= 0)


def test_crowds_are_left_out_and_videos_of_crowds_never_drawn(split: Split) -> None:
    crowded = tuple(replace(one, is_crowd=True) for one in split.instances[0])
    half = (replace(split.instances[1][0], is_crowd=True), *split.instances[1][1:])
    stream = sampler(replace(split, instances=(crowded, half, (), *split.instances[3:])))
    clips = [stream[k] for k in range(40)]
    assert {clip.video_id for clip in clips} == {split.videos[1].id, split.videos[3].id}
    kept = len(half) - 1
    assert all(len(clip.labels) <= kept for clip in clips if clip.video_id == split.videos[1].id)


def test_nothing_to_learn_from(split: Split) -> None:
    with pytest.raises(UserError, match="no training video has an object with a mask"):
        sampler(replace(split, instances=tuple(() for _ in split.videos)))


def test_frames_are_drawn_as_in_the_release() -> None:
    """Ascending, all within 2 R, the reference once; ends of the video are as likely references as its middle."""
    rng = np.random.default_rng(0)
    draws = [draw_frames(10, 2, 3, rng) for _ in range(6000)]
    assert all(first < second <= first + 3 for first, second in draws)
    # P(0, 1): reference 0 (1/10), then 1 of {1, 2, 3}; or reference 1 (1/10), then 0 of {0, 2, 3, 4}.
    share = Counter(draws)[0, 1] / len(draws)
    assert share == pytest.approx(0.1 / 3 + 0.1 / 4, abs=0.012)


def test_other_frames_are_drawn_with_replacement() -> None:
    rng = np.random.default_rng(0)
    # One neighbour on each side at most: five frames cannot be distinct, and the reference occurs once.
    draws = [draw_frames(3, 5, 1, rng) for _ in range(50)]
    assert all(len(set(draw)) < 5 and 1 in Counter(draw).values() for draw in draws)
    assert all(draw == tuple(sorted(draw)) for draw in draws)


@pytest.mark.parametrize("video_frames, clip_frames, expected", [(1, 1, (0,)), (1, 4, (0, 0, 0, 0))])
def test_videos_of_one_frame(video_frames: int, clip_frames: int, expected: tuple[int, ...]) -> None:
    assert draw_frames(video_frames, clip_frames, 20, np.random.default_rng(0)) == expected


def test_clips_of_one_frame(split: Split) -> None:
    stream = sampler(split, clip_frames=1)
    frames = {stream[k].frame_indices for k in range(40)}
    assert all(len(drawn) == 1 for drawn in frames)
    assert len(frames) > 4


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(bool, st.tuples(*[st.integers(1, 6)] * 2)))
def test_flip_is_an_involution_on_masks(mask: np.ndarray) -> None:
    flip = ClipTransform(mask.shape, (Step((Flip(mask.shape[1]),), mask.shape),))
    np.testing.assert_array_equal(flip.mask(0, flip.mask(0, mask)), mask)
    np.testing.assert_array_equal(flip.mask(0, mask)[:, 0], mask[:, -1])


def test_flip_turns_frames_and_masks_alike(split: Split) -> None:
    always = AugmentationConfig(flip_probability=1.0)
    plain, flipped = sampler(split)[3], sampler(split, augmentation=always)[3]
    assert torch.equal(flipped.frames, plain.frames.flip(-1))
    assert torch.equal(flipped.masks, plain.masks.flip(-1))


def test_half_of_the_clips_are_flipped() -> None:
    rng = np.random.default_rng(0)
    flips = sum(len(draw_transform(AugmentationConfig(), (4, 4), 2, rng).steps) for _ in range(1000))
    assert 430 < flips < 570


def test_masks_that_vanish_when_resized_leave_the_clip(split: Split) -> None:
    speck = np.zeros((1, 32, 48), bool)
    speck[0, 0, 0] = True
    code = rle.encode(speck)[0]
    one = replace(split.instances[0][0], segmentations=(code,) * 8)
    shrunk = AugmentationConfig(short_edges=(4,), flip_probability=0.0)
    clip = sampler(replace(split, videos=split.videos[:1], instances=((one,),)), augmentation=shrunk)[0]
    assert clip.masks.shape == (0, 3, 4, 6)
    assert clip.ids.shape == clip.annotated.shape == (0, 3) and clip.labels.shape == (0,)
