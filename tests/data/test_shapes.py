"""The embedded data: what its scenes contain, and that the files hold exactly what was painted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from vita.core.contract import UserError
from vita.core.dataset_config import ShapesConfig
from vita.data.masks import rle
from vita.data.synthetic.scenes import draw_scene
from vita.data.synthetic.shapes import CLEAR_PIXELS, FEWEST_PIXELS, KINDS, PaintedVideo, paint_video
from vita.data.synthetic.write import draw_video, synthesise
from vita.data.ytvis import read_split, read_video_frame


def tree_digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def hard_videos() -> list[PaintedVideo]:
    config = ShapesConfig(train_videos=1, valid_videos=20, train_frames=12, valid_frames=36, difficulty=1.0)
    return [draw_video(config, "valid", number) for number in range(20)]


def test_same_configuration_same_bytes(shapes_root: Path, shapes_config: ShapesConfig, tmp_path: Path) -> None:
    synthesise(shapes_config, tmp_path)
    assert tree_digests(tmp_path) == tree_digests(shapes_root)
    synthesise(shapes_config, tmp_path)  # over an existing copy
    assert tree_digests(tmp_path) == tree_digests(shapes_root)


def test_seed_split_and_video_number_change_the_content(shapes_config: ShapesConfig) -> None:
    other_seed = shapes_config.model_copy(update={"seed": 4})
    config = shapes_config.model_copy(update={"valid_frames": shapes_config.train_frames})
    draws = [(config, "train", 0), (config, "train", 1), (config, "valid", 0), (other_seed, "train", 0)]
    assert len({draw_video(*draw).frames.tobytes() for draw in draws}) == 4


def test_a_video_does_not_depend_on_how_many_there_are(shapes_config: ShapesConfig) -> None:
    more = shapes_config.model_copy(update={"train_videos": 400})
    np.testing.assert_array_equal(draw_video(shapes_config, "train", 2).frames, draw_video(more, "train", 2).frames)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_files_hold_what_was_painted(shapes_root: Path, shapes_config: ShapesConfig, split: str) -> None:
    read = read_split(shapes_root / split / "instances.json", shapes_root / split / "JPEGImages")
    assert read.category_names == ("disc", "square", "triangle")
    for number, (video, instances) in enumerate(zip(read.videos, read.instances, strict=True)):
        painted = draw_video(shapes_config, split, number)
        assert [one.label for one in instances] == painted.scene.labels.tolist()
        for one, masks in zip(instances, painted.masks, strict=True):
            np.testing.assert_array_equal(rle.decode(one.segmentations, 32, 48), masks)
            assert [s is None for s in one.segmentations] == [not mask.any() for mask in masks]
        error = read_video_frame(video, 0).astype(int) - painted.frames[0]
        assert np.abs(error).mean() < 6  # the pixel noise is what JPEG loses


def test_boxes_and_areas_belong_to_the_masks(shapes_root: Path, shapes_config: ShapesConfig) -> None:
    document = json.loads((shapes_root / "train" / "instances.json").read_text())
    first = [record for record in document["annotations"] if record["video_id"] == 1]
    painted = draw_video(shapes_config, "train", 0)
    for record, masks in zip(first, painted.masks, strict=True):
        for box, area, mask in zip(record["bboxes"], record["areas"], masks, strict=True):
            if not mask.any():
                assert box is None and area is None
                continue
            rows, columns = np.nonzero(mask)
            width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
            assert box == [columns.min(), rows.min(), width, height]
            assert area == mask.sum()


def test_every_object_is_clearly_seen_and_no_mask_is_a_speck(hard_videos: list[PaintedVideo]) -> None:
    for video in hard_videos:
        areas = video.masks.sum(axis=(2, 3))
        assert ((areas >= CLEAR_PIXELS).sum(axis=1) >= 2).all()
        assert areas[areas > 0].min() >= FEWEST_PIXELS
        assert (video.masks.sum(axis=0) <= 1).all()  # a pixel shows one object


def test_late_entries_early_exits_and_returns(hard_videos: list[PaintedVideo]) -> None:
    seen = [row for video in hard_videos for row in video.masks.any(axis=(2, 3))]
    late = sum(not row[:7].any() for row in seen)
    early = sum(not row[-7:].any() for row in seen)
    returns = sum((np.diff(np.flatnonzero(row)) > 2).any() for row in seen)
    others = len(seen) - len(hard_videos)  # all but the first object of each video
    assert 0.35 * others < late + early < 0.75 * others
    assert min(late, early) >= 4
    assert returns >= 8
    assert all(video.masks[:, 0].any() for video in hard_videos)


def test_swaps_exchange_places_and_returns_do_not(hard_videos: list[PaintedVideo]) -> None:
    swaps = returns = 0
    for video in hard_videos:
        for meeting in video.scene.meetings:
            before = video.scene.centres[list(meeting.pair), meeting.start]
            after = video.scene.centres[list(meeting.pair), meeting.stop]
            kept, crossed = np.linalg.norm(after - before), np.linalg.norm(after[::-1] - before)
            alone = sum(set(meeting.pair) & set(other.pair) != set() for other in video.scene.meetings) == 1
            if alone:
                assert (crossed < kept) == meeting.swap
            swaps, returns = swaps + meeting.swap, returns + (not meeting.swap)
    assert swaps >= 15 and returns >= 10


def test_objects_that_meet_occlude_each_other(hard_videos: list[PaintedVideo]) -> None:
    shares = []
    for video in hard_videos:
        areas = video.masks.sum(axis=(2, 3))
        for meeting in video.scene.meetings:
            far, middle = min(meeting.pair), (meeting.start + meeting.stop) // 2  # the far one is painted first
            shares.append(areas[far, middle : middle + 2].min() / areas[far].max())
    # A few are larger than what passes before them, or meet a third object at the same time.
    assert np.mean(np.array(shares) < 0.7) > 0.8


def test_several_objects_of_one_class_and_mixed_classes(hard_videos: list[PaintedVideo]) -> None:
    kinds = [len(set(video.scene.labels.tolist())) for video in hard_videos]
    repeats = [len(video.scene.labels) > kind for video, kind in zip(hard_videos, kinds, strict=True)]
    assert sum(repeats) >= 10
    assert sum(kind > 1 for kind in kinds) >= 8


def smallest_hue_gap(hues: np.ndarray) -> float:
    ordered = np.sort(hues)
    return float(np.diff(np.append(ordered, ordered[0] + 1)).min())


def test_difficulty_brings_hues_closer_and_adds_meetings() -> None:
    gaps, meetings = {}, {}
    for difficulty in (0.0, 1.0):
        config = ShapesConfig(
            train_videos=1, valid_videos=1, train_frames=1, valid_frames=1, min_objects=4, difficulty=difficulty
        )
        scenes = [draw_scene(config, 36, np.random.default_rng(seed)) for seed in range(30)]
        gaps[difficulty] = [smallest_hue_gap(scene.hues) for scene in scenes]
        meetings[difficulty] = sum(len(scene.meetings) for scene in scenes)
    # Neighbours are 1/5 or 0.07 apart, each moved by at most 0.15 of that.
    assert min(gaps[0.0]) >= 0.7 / 5
    assert max(gaps[1.0]) <= 1.3 * 0.07
    assert meetings[0.0] == 0
    assert meetings[1.0] > 30


def test_every_outline_lies_in_its_window_and_is_filled() -> None:
    side = np.linspace(-1.4, 1.4, 141)
    u, v = np.meshgrid(side, side)
    for kind in KINDS:
        inside = kind.outline(u, v) < 0
        assert 0.2 < inside.mean() * 2.8**2 / np.pi < 1.0  # of the disc of radius 1
        assert np.hypot(u, v)[inside].max() <= 1.2, kind.name
        assert 0 <= kind.texture(u, v).min() <= kind.texture(u, v).max() <= 1


def test_domains_look_different_and_move_alike(shapes_config: ShapesConfig) -> None:
    config = shapes_config.model_copy(update={"domain": "outdoor"})
    studio, outdoor = (draw_scene(c, 8, np.random.default_rng(0)) for c in (shapes_config, config))
    np.testing.assert_array_equal(studio.centres, outdoor.centres)
    frames = [draw_video(c, "train", 0).frames.mean(axis=(0, 2)) for c in (shapes_config, config)]
    assert np.abs(frames[0] - frames[1]).max() > 20


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_very_short_videos(shapes_config: ShapesConfig, frames: int) -> None:
    video = paint_video(shapes_config, frames, np.random.default_rng(0))
    assert video.frames.shape == (frames, 32, 48, 3)
    assert (video.masks.any(axis=(2, 3)).sum(axis=1) >= min(2, frames)).all()


def test_frames_too_small_for_the_objects(shapes_config: ShapesConfig) -> None:
    config = shapes_config.model_copy(update={"height": 6, "width": 6})
    with pytest.raises(UserError, match="6 x 6 pixels; enlarge `height`"):
        paint_video(config, 8, np.random.default_rng(0))


def test_fewer_objects_at_most_than_at_least() -> None:
    with pytest.raises(ValidationError, match="must not be below min_objects"):
        ShapesConfig(train_videos=1, valid_videos=1, train_frames=1, valid_frames=1, min_objects=3, max_objects=2)


def test_other_data_is_not_overwritten(shapes_config: ShapesConfig, tmp_path: Path) -> None:
    real = tmp_path / "valid" / "instances.json"
    real.parent.mkdir()
    real.write_text('{"info": {"description": "YouTube-VIS"}, "videos": []}')
    with pytest.raises(UserError, match=r"valid/instances.json is not embedded data"):
        synthesise(shapes_config, tmp_path)
    assert "YouTube-VIS" in real.read_text()


def test_annotations_mean_complete(
    shapes_config: ShapesConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesise(shapes_config, tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    with pytest.raises(UserError, match=r"cannot write frames to .*No space left"):
        synthesise(shapes_config, tmp_path)
    assert not list(tmp_path.rglob("instances.json"))
