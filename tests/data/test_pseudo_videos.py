"""Clips of single images, mapped onto the categories of videos and mixed with their clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from coco_files import box, document, write
from torch.utils.data import DataLoader

from vita.core.config_base import parse
from vita.core.contract import Clip, UserError
from vita.core.run_config import AugmentationConfig, CropConfig, RotationConfig, RunConfig
from vita.data.augment.clip_transform import ClipTransform, Step
from vita.data.augment.transforms import Crop, Rotation
from vita.data.coco import read_coco
from vita.data.masks.polygons import Polygons
from vita.data.sampling.clip_stream import ClipStream, training_stream
from vita.data.sampling.clips import VideoClips, make_clip
from vita.data.sampling.pseudo_videos import PseudoVideoClips, map_categories
from vita.data.ytvis import Split, read_split

TURNED = AugmentationConfig(rotation=RotationConfig(), flip_probability=0.0)
CROPPED = AugmentationConfig(crop=CropConfig(short_edges=(20, 26), smallest=10, largest=16), short_edges=(16, 20))


@pytest.fixture(scope="module")
def videos(shapes_root: Path) -> Split:
    return read_split(shapes_root / "train" / "instances.json", shapes_root / "train" / "JPEGImages")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return read_coco(*write(tmp_path_factory.mktemp("coco")))


@pytest.fixture(scope="module")
def mapped(images: Split, videos: Split) -> Split:
    return map_categories(images, {"person": videos.category_names[2], "cat": videos.category_names[0]}, videos, "coco")


def same(one: Clip, two: Clip) -> bool:
    tensors = all(torch.equal(getattr(one, name), getattr(two, name)) for name in ("frames", "masks", "labels", "ids"))
    return tensors and (one.video_id, one.frame_indices) == (two.video_id, two.frame_indices)


def test_categories_are_mapped_by_name_and_the_rest_is_left_out(mapped: Split, videos: Split) -> None:
    found = [[(one.id, one.label) for one in objects] for objects in mapped.instances]
    assert found == [[(71, 0)], [(70, 2), (60, 2)], []]
    assert (mapped.category_ids, mapped.category_names) == (videos.category_ids, videos.category_names)


def test_without_a_map_equal_names_are_taken(videos: Split) -> None:
    assert [len(objects) for objects in map_categories(videos, None, videos, "shapes").instances] == [
        len(objects) for objects in videos.instances
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"dog": "disc"}, "category_map.coco: 'dog' is no category of coco: it has person, car, cat$"),
        ({"cat": "hexagon"}, "category_map.coco: 'hexagon' is no category of the training videos"),
        ({}, "no category of coco has a counterpart"),
        (None, "no category of coco has a counterpart"),
    ],
)
def test_impossible_maps(images: Split, videos: Split, names: dict[str, str] | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        map_categories(images, names, videos, "coco")


def test_every_frame_is_the_same_image_turned(mapped: Split) -> None:
    clips = PseudoVideoClips(mapped, clip_frames=3, augmentation=TURNED)
    drawn = [clips.draw(np.random.default_rng(seed)) for seed in range(20)]
    assert {clip.video_id for clip in drawn} == {2, 5}  # image 9 has no object
    for clip in drawn:
        assert clip.frame_indices == (0, 0, 0)
        assert clip.frames.shape[0] == 3 and not torch.equal(clip.frames[0], clip.frames[1])
        assert clip.labels.tolist() == ([0] if clip.video_id == 2 else [2])  # the crowd is no object
        assert clip.ids.tolist() == [[0, 0, 0]]
        areas = clip.masks.sum(dim=(2, 3)).squeeze(0)
        assert (areas > 0.7 * areas.max()).all()


def test_without_augmentation_all_frames_and_masks_are_equal(mapped: Split) -> None:
    clip = PseudoVideoClips(mapped, clip_frames=4, augmentation=AugmentationConfig(flip_probability=0.0)).draw(
        np.random.default_rng(0)
    )
    assert all(
        torch.equal(clip.frames[0], clip.frames[t]) and torch.equal(clip.masks[:, 0], clip.masks[:, t])
        for t in (1, 2, 3)
    )


def test_videos_may_be_the_source(videos: Split) -> None:
    clips = PseudoVideoClips(videos, clip_frames=2, augmentation=CROPPED)
    drawn = [clips.draw(np.random.default_rng(seed)) for seed in range(30)]
    assert all(len(set(clip.frame_indices)) == 1 for clip in drawn)
    assert len({clip.frame_indices[0] for clip in drawn}) > 3
    assert any((clip.ids == -1).any() for clip in drawn)  # cut off by the window in one frame
    assert all(clip.masks.any(dim=(2, 3)).equal(clip.ids >= 0) for clip in drawn)


def test_a_window_that_misses_all_objects_gives_an_empty_clip(images: Split, videos: Split) -> None:
    corner = CropConfig(probability=1.0, short_edges=(20,), smallest=2, largest=2)
    only = replace(images, videos=images.videos[1:2], instances=[images.instances[1]])
    clips = PseudoVideoClips(
        map_categories(only, {"person": videos.category_names[0]}, videos, "coco"),
        clip_frames=2,
        augmentation=AugmentationConfig(crop=corner),
    )
    drawn = [clips.draw(np.random.default_rng(seed)) for seed in range(20)]
    empty = [clip for clip in drawn if not len(clip.labels)]
    assert empty and all(clip.masks.shape == (0, 2, 2, 2) and clip.ids.shape == (0, 2) for clip in empty)


def test_images_without_objects_of_known_categories(tmp_path: Path, videos: Split) -> None:
    split = read_coco(*write(tmp_path, document() | {"annotations": document()["annotations"][2:3]}))
    crowds_only = map_categories(split, {"person": videos.category_names[0]}, videos, "coco")
    with pytest.raises(UserError, match="no image has an object of a category that the training videos know"):
        PseudoVideoClips(crowds_only, clip_frames=2, augmentation=TURNED)


def test_what_the_window_cuts_off_does_not_come_back_by_a_turn(images: Split) -> None:
    """Columns 0..9 are kept and turned by half a right angle; the object, in columns 11..28, would fill a corner."""
    objects = [replace(images.instances[1][0], segmentations=(Polygons((np.reshape(box(11, 0, 29, 19), (4, 2)),)),))]
    window, turn = Step((Crop(0, 0, 10, 20),), (20, 10)), Step((Rotation(45.0, (5.0, 10.0)),), (20, 10))
    turned = ClipTransform((20, 30), (window, turn))
    moved = objects[0].segmentations[0].moved(lambda points: turned.points(0, points))
    assert moved.mask((20, 10)).any()
    assert len(make_clip(images.videos[1], objects, (0,), turned).labels) == 0
    assert len(make_clip(images.videos[1], objects, (0,), ClipTransform((20, 30), ())).labels) == 1


# Mixed with clips of videos


def mixed(images: Split, videos: Split, ratio: float, length: int = 400) -> ClipStream:
    clips = VideoClips(videos, clip_frames=2, frame_range=3, augmentation=CROPPED)
    return ClipStream(
        [PseudoVideoClips(images, clip_frames=2, augmentation=CROPPED), clips], [ratio, 1.0], length, seed=0
    )


def is_pseudo(clip: Clip) -> bool:
    """Image ids are 2 and 5; the frames of a video's clip differ from its reference."""
    return len(set(clip.frame_indices)) == 1


def test_batches_hold_both_kinds_at_the_asked_ratio(mapped: Split, videos: Split) -> None:
    stream = mixed(mapped, videos, ratio=4 / 3)
    kinds = np.array([is_pseudo(stream[k]) for k in range(400)])
    share = 4 / 7
    assert abs(kinds.mean() - share) < 4 * (share * (1 - share) / 400) ** 0.5
    pairs = kinds.reshape(-1, 2).sum(axis=1)
    # Independent draws: 2 * 4/7 * 3/7 = 49 % of the batches of two hold one of each.
    assert abs((pairs == 1).mean() - 24 / 49) < 4 * (24 / 49 * 25 / 49 / 200) ** 0.5


def test_any_number_of_workers_gives_the_same_clips(mapped: Split, videos: Split) -> None:
    stream = mixed(mapped, videos, ratio=1.0)
    expected = [stream[k] for k in range(12)]
    assert {is_pseudo(clip) for clip in expected} == {True, False}
    for workers in (1, 2):
        loader = DataLoader(stream, batch_size=4, sampler=range(12), collate_fn=list, num_workers=workers)  # type: ignore[arg-type]
        found = [clip for batch in loader for clip in batch]
        assert all(same(one, two) for one, two in zip(found, expected, strict=True))


def test_a_sample_depends_on_its_number_alone(mapped: Split, videos: Split) -> None:
    stream, again = mixed(mapped, videos, ratio=1.0), mixed(mapped, videos, ratio=1.0, length=30)
    expected = [stream[k] for k in range(20)]
    assert all(same(again[k], expected[k]) for k in reversed(range(20)))


def test_a_run_mixes_what_it_names(tmp_path: Path, shapes_root: Path, videos: Split) -> None:
    write(tmp_path)
    files = {"annotations": "annotations/instances_train2017.json", "frames": "train2017"}
    coco = {"name": "coco", "root": str(tmp_path), "format": "coco", "train": files, "valid": files}
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    names = {"coco": {"person": videos.category_names[1]}}
    raw = {
        **dict(tier="test", method="vita", backbone="tiny", variant="base", seed=1, options={}),
        "dataset": {"name": "shapes", "root": str(shapes_root), **splits, "category_map": names},
        "train": dict(iterations=10, clips_per_batch=2, clip_frames=2, frame_range=3, learning_rate=1e-3),
        "pseudo_videos": {"dataset": coco, "ratio": 1.0},
    }
    config = parse(RunConfig, raw, "test")
    stream = training_stream(config, videos)
    clips = [stream[k] for k in range(len(stream))]
    assert len(clips) == 20
    assert {tuple(clip.labels.tolist()) for clip in clips if is_pseudo(clip)} == {(1,)}
    assert not all(map(is_pseudo, clips))
