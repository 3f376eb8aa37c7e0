"""Figure 6 from a small data set and predictions by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_runs import listed, row, write_run, write_runs, write_spec
from PIL import Image
from tiny_run import vita

from vita.core.contract import UserError
from vita.data.masks import rle
from vita.evaluation.occlusion.gain import ObjectGain
from vita.evaluation.occlusion.visibility import Visibility
from vita.report.figures.qualitative import build_qualitative, shown_frames

LENGTH, HEIGHT, WIDTH = 8, 12, 24
CATEGORIES = [{"id": 1, "name": "crate"}, {"id": 4, "name": "ball"}]


def box(left: int, right: int) -> dict[str, Any]:
    """Code of the rows 4 to 7 and the columns [left, right) of a frame."""
    mask = np.zeros((1, HEIGHT, WIDTH), bool)
    mask[0, 4:8, left:right] = True
    return dict(rle.encode(mask)[0])


# 8 columns wide, of which the other crate leaves 4 in the frames 2, 3 and 4.
BEHIND = [box(4, 12)] * 2 + [box(4, 8)] * 3 + [box(4, 12)] * 3
IN_FRONT = [box(14, 22)] * 2 + [box(8, 16)] * 3 + [box(14, 22)] * 3


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two videos: in the first two crates pass each other, in the second a ball is alone."""
    root = tmp_path / "data"
    videos = []
    for number, name in ((2, "passing"), (5, "alone")):
        folder = root / "valid" / "JPEGImages" / name
        folder.mkdir(parents=True)
        names = [f"{name}/{t}.png" for t in range(LENGTH)]
        for t, file in enumerate(names):
            Image.new("RGB", (WIDTH, HEIGHT), (20 * t, 90, 120)).save(folder.parent / file)
        videos.append({"id": number, "height": HEIGHT, "width": WIDTH, "length": LENGTH, "file_names": names})
    objects = [(7, 2, 1, BEHIND), (3, 2, 1, IN_FRONT), (9, 5, 4, [box(0, 4)] * LENGTH)]
    annotations = [
        {"id": key, "video_id": of, "category_id": category, "iscrowd": 0, "segmentations": masks}
        for key, of, category, masks in objects
    ]
    content = {"videos": videos, "categories": CATEGORIES, "annotations": annotations}
    (root / "valid" / "instances.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Path:
    """The track sees the crate behind whole and half of it is there; the frame detector calls it a ball, but once."""
    run = write_run(tmp_path, root)
    (run / "predictions").mkdir()
    tracks = [
        {"video_id": 2, "category_id": 1, "score": 0.9, "segmentations": [box(4, 12)] * LENGTH},
        {"video_id": 2, "category_id": 4, "score": 0.8, "segmentations": [box(4, 12)] * LENGTH},  # the same again
        {"video_id": 2, "category_id": 4, "score": 0.7, "segmentations": [box(0, 2)] + [None] * 7},
    ]
    found = [
        {"video_id": 2, "frame_index": 2, "label": 1, "score": 0.9, "segmentation": box(4, 8)},
        {"video_id": 2, "frame_index": 3, "label": 0, "score": 0.9, "segmentation": box(4, 7)},
        {"video_id": 2, "frame_index": 4, "label": 0, "score": 0.2, "segmentation": box(4, 8)},
    ]
    (run / "predictions" / "intact.json").write_text(json.dumps(tracks))
    (run / "frame_detector.json").write_text(json.dumps(found))
    return run


def build(folder: Path, runs: list[dict[str, Any]], **changes: Any) -> tuple[pd.DataFrame, list[str]]:
    spec = write_spec(folder, [row("Ours", **changes)], "qualitative")
    said = build_qualitative(spec, write_runs(folder, runs), folder / "out" / "figure.pdf")
    return pd.read_csv(folder / "out" / "figure.csv").set_index("object_id"), said.splitlines()


def test_every_object_is_listed_and_one_is_shown(run: Path, tmp_path: Path) -> None:
    frame, said = build(tmp_path, [listed(run)])
    assert list(frame.index) == [3, 7, 9]  # by video and id
    assert list(frame["occluded_frames"].fillna("")) == ["", "2 3 4", ""]
    shown = frame.loc[7]
    # The track has 4 of 8 columns in each of the three frames; single frames none, 3 of 4, and none of enough score.
    assert (shown["track_iou"], shown["frame_iou"], shown["gain"]) == (0.5, 0.25, 0.25)
    # Over all eight: (5 + 1.5) / 8 less 0.75 / 8.
    assert shown["gain_all_frames"] == pytest.approx(5.75 / 8, abs=1e-4)
    assert (shown["video"], shown["category"], shown["track_score"], shown["shown"]) == ("passing", "crate", 0.9, "yes")
    assert shown["shown_frames"] == "0 1 2 3 4 7"  # those of occlusion, then 7, 0 and 1, which is as far as 5 and 6 are
    assert frame.loc[[3, 9], ["gain", "shown"]].isna().all(axis=None)
    # The track has 4 of 12 columns of the crate in front in 3 of 8 frames; nothing has the ball.
    mean = (5.75 / 8 + 1 / 8) / 3
    assert said == [
        "passing, object 7 (crate): mean IoU over its 3 occluded frames: Ours 0.50, frame detector 0.25",
        "Candidates: 1; the largest gain is +0.25.",
        "Mean gain of the candidates over their occluded frames: +0.25 (+0.25 to +0.25).",
        f"Mean gain of all 3 objects over all frames that show them: {mean:+.2f} (+0.00 to {1.5 * mean:+.2f}).",
        "Intervals: 95 %, by bootstrap over the videos.",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figure.csv", "figure.pdf", "figure.png"]


def test_what_is_painted(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One colour a track through all frames; one a class in the frames by themselves; what is no candidate is not."""
    painted: list[tuple[int, str]] = []

    def note(axes: Any, mask: np.ndarray, paint: Any) -> None:
        painted.append((int(mask.sum()) // 4, paint.colour))

    monkeypatch.setattr("vita.report.figures.qualitative_drawing.show_mask", note)
    build(tmp_path, [listed(run)])
    blue, vermillion, orange, sky = "#0072B2", "#D55E00", "#E69F00", "#56B4E9"
    # Frame 0 has both tracks, the better one last; 2 and 3 what the detector sees there, a ball and a crate.
    assert painted == [
        *[(2, vermillion), (8, blue)],
        *[(0, vermillion), (8, blue)],
        *[(0, vermillion), (8, blue), (4, sky)],
        *[(0, vermillion), (8, blue), (3, orange)],
        *[(0, vermillion), (8, blue)],
        *[(0, vermillion), (8, blue)],
    ]


def test_the_same_run_is_the_same_bytes(run: Path, tmp_path: Path) -> None:
    def files() -> list[bytes]:
        build(tmp_path, [listed(run)])
        return [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())]

    assert files() == files()


def test_the_first_seed_that_has_predictions(run: Path, root: Path, tmp_path: Path) -> None:
    failed = write_run(tmp_path, root, seed=1)
    other = run.rename(tmp_path / "base" / "seed2")
    frame, _ = build(tmp_path, [listed(failed, "failed"), listed(other)], seeds=(1, 2))
    assert set(frame["seed"]) == {2} and set(frame["run"]) == {other.as_posix()}


def test_what_is_missing_is_named(run: Path, root: Path, tmp_path: Path) -> None:
    failed = write_run(tmp_path, root, seed=1)
    with pytest.raises(UserError, match=r"seed 1: no predictions/intact\.json \(failed out of memory; "):
        build(tmp_path, [listed(failed, "failed", error="out of memory")], seeds=(1,))
    with pytest.raises(UserError, match="nothing to draw: not run in this tier"):
        build(tmp_path, [listed(run)], variant="other", not_run="not run in this tier")
    (run / "frame_detector.json").write_text("[]")
    with pytest.raises(UserError, match=r"frame_detector\.json: no prediction of a single frame"):
        build(tmp_path, [listed(run)])


def test_the_command_prints_what_was_chosen(run: Path, tmp_path: Path) -> None:
    spec, runs = write_spec(tmp_path, [row("Ours")], "qualitative"), write_runs(tmp_path, [listed(run)])
    ended = vita("figure", "qualitative", "--spec", spec, "--runs", runs, "--out", tmp_path / "out" / "figure.png")
    assert ended.code == 0 and ended.out.startswith("passing, object 7 (crate): ")


def frames_shown(visible: list[int], occluded: list[int], clear: list[int]) -> list[int]:
    visibility = Visibility(tuple(visible), tuple(occluded), tuple(clear), labelled=False)
    return shown_frames(ObjectGain(None, visibility, None, {}, {}), bool(occluded))  # type: ignore[arg-type]


def test_four_frames_of_occlusion_and_two_far_from_them() -> None:
    occluded = [10, 11, 12, 13, 14, 15, 16]  # 10, 12, 14, 16 are evenly spaced
    assert frames_shown(list(range(5, 36)), occluded, [5, 6, 30, 35]) == [5, 10, 12, 14, 16, 35]


def test_few_frames() -> None:
    assert frames_shown([3, 4, 5, 9], [3, 4, 5], [9]) == [3, 4, 5, 9]
    assert frames_shown([3, 4, 5], [3, 4, 5], []) == [3, 4, 5]  # never clear: all that there are
    assert frames_shown([2, 8], [], [2, 8]) == [2, 8]
    assert frames_shown(list(range(11)), [], [0]) == [0, 2, 4, 6, 8, 10]
