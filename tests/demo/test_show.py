"""What a results file says of a video, over its frames, beside the labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tiny_run import files_in, vita

from vita.data.masks.rle import encode
from vita.demo.beside import BAND
from vita.demo.overlay import COLOURS, GAP
from vita.report.figures.overlay import OPACITY

HEIGHT, WIDTH, FRAMES = 240, 320, 3  # no frame is shown larger than it is
GREY = 100
FIRST, SECOND = np.array(COLOURS[0]), np.array(COLOURS[1])


def square(top: int, left: int) -> dict[str, Any]:
    """The code of a square of 80 pixels."""
    mask = np.zeros((1, HEIGHT, WIDTH), bool)
    mask[0, top : top + 80, left : left + 80] = True
    return dict(encode(mask)[0])


HERE, THERE = square(120, 40), square(120, 200)


def track(video: int, category: int, score: float, masks: list[Any]) -> dict[str, Any]:
    return {"video_id": video, "category_id": category, "score": score, "segmentations": masks}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Videos 4 and 7 of three grey frames, and a cat in the second, which is not seen in the last frame."""
    videos = []
    for number, name in ((4, "alley"), (7, "beach")):
        names = [f"{name}/{t}.png" for t in range(FRAMES)]
        for path in names:
            (tmp_path / "frames" / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)).save(tmp_path / "frames" / path)
        videos.append({"id": number, "height": HEIGHT, "width": WIDTH, "length": FRAMES, "file_names": names})
    cat = {"id": 1, "video_id": 7, "category_id": 20, "iscrowd": 0, "segmentations": [HERE, HERE, None]}
    categories = [{"id": 10, "name": "dog"}, {"id": 20, "name": "cat"}]
    write(tmp_path / "labels.json", {"videos": videos, "categories": categories, "annotations": [cat]})
    write(tmp_path / "unlabelled.json", {"videos": videos, "categories": categories})
    found = [
        track(7, 20, 0.9, [HERE, HERE, HERE]),
        track(7, 10, 0.8, [HERE, HERE, HERE]),  # the same again, under another class
        track(7, 10, 0.7, [None, THERE, None]),
        track(4, 10, 0.2, [HERE, None, None]),
    ]
    write(tmp_path / "found.json", found)
    return tmp_path


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def show(scene: Path, *options: object, results: str = "found.json", labels: str = "labels.json") -> Any:
    files = ("--annotations", scene / labels, "--frames", scene / "frames")
    return vita("show", scene / results, *files, *options)


def tinted(colour: np.ndarray) -> np.ndarray:
    return (1 - OPACITY) * GREY + OPACITY * colour


def centre(picture: np.ndarray, left: int, panel: int = 0) -> np.ndarray:
    """The pixel in the middle of a square of a panel."""
    return picture[BAND + 160, panel * (WIDTH + GAP) + left + 40]


def test_pictures_have_tracks_and_labels_side_by_side(scene: Path) -> None:
    ended = show(scene, "--out", scene / "out")
    assert ended.out == f"{scene / 'out'}: beach, 2 tracks of score 0.3 or more, 1 objects beside them\n"
    assert files_in(scene / "out") == ["00000.png", "00001.png", "00002.png"]
    first, second, third = (np.asarray(Image.open(scene / "out" / f"0000{t}.png")) for t in range(FRAMES))
    assert first.shape == (HEIGHT + BAND, 2 * WIDTH + GAP, 3)
    for picture in (first, second, third):
        np.testing.assert_allclose(centre(picture, 40), tinted(FIRST), atol=1)  # once, not twice
    np.testing.assert_allclose(centre(second, 200), tinted(SECOND), atol=1)
    np.testing.assert_array_equal(centre(first, 200), [GREY] * 3)
    np.testing.assert_allclose(centre(second, 40, panel=1), tinted(FIRST), atol=1)
    np.testing.assert_array_equal(centre(third, 40, panel=1), [GREY] * 3)  # where the labels have nothing
    np.testing.assert_array_equal(centre(second, 200, panel=1), [GREY] * 3)


def test_a_video_has_all_frames_and_a_sheet_as_many_as_asked(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert show(scene).out.startswith("found_beach.mp4: beach")
    with av.open("found_beach.mp4") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(HEIGHT + BAND, 2 * WIDTH + GAP, 3)] * FRAMES
    np.testing.assert_allclose(centre(frames[1], 200), tinted(SECOND), atol=12)  # of what the encoder loses
    show(scene, "--out", "sheet.png", "--pictures", 2)
    width = round((2 * WIDTH + GAP) * 480 / (2 * WIDTH + GAP))
    assert Image.open("sheet.png").size[0] == 2 * width + GAP


def test_without_labels_there_are_tracks_alone(scene: Path) -> None:
    ended = show(scene, "--out", scene / "out", labels="unlabelled.json")
    assert ended.out.endswith("2 tracks of score 0.3 or more\n")
    assert Image.open(scene / "out" / "00000.png").size == (WIDTH, HEIGHT + BAND)


@pytest.mark.parametrize("name", ["alley", "4"])
def test_a_video_is_chosen_by_its_name_or_id(name: str, scene: Path) -> None:
    ended = show(scene, "--video", name, "--min-score", 0.1, "--out", scene / "out")
    assert "alley, 1 tracks of score 0.1 or more" in ended.out


def test_small_frames_are_shown_larger(videos: Path, tmp_path: Path) -> None:
    """Of 32 x 48 pixels: 240 x 360."""
    write(tmp_path / "none.json", [track(1, 1, 0.9, [None] * 6)])
    part = videos / "valid"
    files = ("--annotations", part / "instances.json", "--frames", part / "JPEGImages")
    vita("show", tmp_path / "none.json", *files, "--out", tmp_path / "out")
    assert Image.open(tmp_path / "out" / "00000.png").size == (2 * 360 + GAP, 240 + BAND)


def shifted(entries: list[dict[str, Any]], **changes: int) -> list[dict[str, Any]]:
    return [entry | {key: entry[key] + change for key, change in changes.items()} for entry in entries]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video_id": 1}, "say --video-id-shift -1 (such options are those of `vita import`"),
        ({"category_id": 5}, "category ids 25, 15 are not known (4 tracks)"),
    ],
)
def test_ids_of_others_are_refused_as_an_import_does(scene: Path, changes: dict[str, int], message: str) -> None:
    write(scene / "theirs.json", shifted(json.loads((scene / "found.json").read_text()), **changes))
    assert message in show(scene, results="theirs.json").message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--video", "zoo"], "--video zoo: no such video; there are alley, beach (or their ids)"),
        (["--out", "a.gif"], "--out a.gif: allowed are an .mp4 file, a .png file, and a folder, without an ending"),
        (["--dataset", "d.yaml"], "which videos? Give --dataset, or --annotations and --frames in its place"),
    ],
)
def test_what_cannot_be_shown_is_told(scene: Path, options: list[str], message: str) -> None:
    assert show(scene, *options).message == message


def test_a_data_set_is_its_videos(scene: Path) -> None:
    content = "name: scene\nroot: {0}\ntrain: {{annotations: labels.json, frames: frames}}\n"
    content += "valid: {{annotations: labels.json, frames: frames}}\n"
    (scene / "scene.yaml").write_text(content.format(scene))
    ended = vita("show", scene / "found.json", "--dataset", scene / "scene.yaml", "--out", scene / "sheet.png")
    assert "beach, 2 tracks" in ended.out, ended.errors
