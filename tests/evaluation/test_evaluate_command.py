"""`vita evaluate` and `vita evaluate-frames`: every option, and what wrong input ends in."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, prediction, video
from tiny_run import vita

from vita.core.files import sha256
from vita.data.local_split import LocalSplit

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]
VIDEOS = (1, 2, 3, 4)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Four videos of one object; ours finds those of videos 1, 2 and 3, theirs that of video 1 alone."""
    labels = {"occlusion": ["severe_occlusion", "no_occlusion"]}
    truth = ground_truth(
        [annotation(key, codes([LEFT, RIGHT]), video_id=key, **(labels if key > 2 else {})) for key in VIDEOS],
        [video(key) for key in VIDEOS],
    )
    found, other = codes([LEFT, RIGHT]), codes([RIGHT, LEFT])
    frames = [
        {"video_id": key, "frame_index": 0, "label": 0, "score": 0.5, "segmentation": code(LEFT)} for key in VIDEOS
    ]
    content = {
        "gt": truth,
        "ours": [prediction(found if key < 4 else other, 1 - key / 10, video_id=key) for key in VIDEOS],
        "theirs": [prediction(found if key < 2 else other, 1 - key / 10, video_id=key) for key in VIDEOS],
        "frames": frames,
    }
    paths = {name: tmp_path / f"{name}.json" for name in content}
    for name, path in paths.items():
        path.write_text(json.dumps(content[name]))
    split = LocalSplit(
        dataset="mine", seed=0, valid_share=0.5, annotations_sha256=sha256(paths["gt"]),
        categories_in_one_part=(), train=(3, 4), valid=(1, 2),
    )  # fmt: skip
    paths["split"] = tmp_path / "split.json"
    paths["split"].write_text(split.model_dump_json())
    return paths


def evaluate(files: dict[str, Path], *options: object) -> str:
    ended = vita("evaluate", "--gt", files["gt"], "--pred", files["ours"], *options)
    assert ended.code == 0, ended.errors
    return ended.out


def row(text: str, name: str) -> list[str]:
    """The cells of the first line that begins with this name."""
    return next(line.removeprefix(name).split() for line in text.splitlines() if line.startswith(f"{name} "))


def test_videos_without_predictions_are_told_of(files: dict[str, Path], tmp_path: Path) -> None:
    tracks = json.loads(files["ours"].read_text())
    files["ours"] = tmp_path / "some.json"
    files["ours"].write_text(json.dumps([track for track in tracks if track["video_id"] in (1, 2)]))
    assert evaluate(files, "--draws", 0).startswith("4 videos (2 without any prediction), scores in points")


def test_scores_with_intervals(files: dict[str, Path], tmp_path: Path) -> None:
    text = evaluate(files, "--draws", 50, "--seed", 3, "--out", tmp_path / "metrics.json")
    assert text.splitlines()[0] == "4 videos, scores in points; intervals from 50 draws of the videos, seed 3"
    points, low, _, high = row(text, "AR10")
    assert (points, high) == ("75.00", "100.00") and 0 <= float(low) < 75
    assert row(text, "AP large") == ["none"]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["draws"], metrics["seed"], metrics["num_videos"]) == (50, 3, 4)
    assert set(metrics["intervals"]) == {"ap", "ap50", "ap75", "ar1", "ar10"}
    assert metrics["intervals"]["ar10"][0] == pytest.approx(float(low) / 100, abs=1e-4)
    assert metrics["scores"]["ar10"] == 0.75 and metrics["counts"]["video_ids"] == [1, 2, 3, 4]


def test_one_video_has_no_interval_and_says_so(files: dict[str, Path], tmp_path: Path) -> None:
    asked = ("--limit-videos", 1, "--against", files["theirs"], "--out", tmp_path / "metrics.json")
    text = evaluate(files, *asked)
    told = "1 videos, scores in points; no intervals, since one video with objects says nothing of others"
    assert text.splitlines()[0] == told
    scores, against = text.split("Against")
    assert len(row(scores, "AR10")) == 1
    ours, (theirs, difference, *words) = float(row(scores, "AR10")[0]), row(against, "AR10")
    assert (float(difference), words) == (pytest.approx(ours - float(theirs)), ["one", "video"])
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["intervals"] == metrics["against"]["differences"] == {}


def test_no_draws_are_no_intervals(files: dict[str, Path], tmp_path: Path) -> None:
    text = evaluate(files, "--draws", 0, "--out", tmp_path / "metrics.json")
    assert text.splitlines()[0] == "4 videos, scores in points" and row(text, "AR10") == ["75.00"]
    assert not {"intervals", "draws", "seed", "errors", "breakdown", "against"} & set(
        json.loads((tmp_path / "metrics.json").read_text())
    )


def test_the_same_call_gives_the_same_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        evaluate(files, "--against", files["theirs"], "--breakdown", "--errors", "--out", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_against_another_file(files: dict[str, Path], tmp_path: Path) -> None:
    text = evaluate(files, "--against", files["theirs"], "--draws", 100, "--out", tmp_path / "metrics.json")
    table = text[text.index("Against") :]
    theirs, difference, *_ = row(table, "AR10")
    assert (theirs, difference) == ("25.00", "+50.00")
    against = json.loads((tmp_path / "metrics.json").read_text())["against"]
    assert against["predictions"] == str(files["theirs"]) and against["scores"]["ar10"] == 0.25
    found = against["differences"]["ar10"]
    assert found["score"] == 0.5 and 0 <= found["low"] < 0.5 < found["high"] <= 1 and 0 < found["p"] < 0.5


def test_breakdown(files: dict[str, Path], tmp_path: Path) -> None:
    text = evaluate(files, "--breakdown", "--out", tmp_path / "metrics.json")
    assert row(text[text.index("objects in the video") :], "1")[:2] == ["4", "4"]
    assert row(text, "severe")[:2] == ["2", "2"]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert [part["name"] for part in metrics["breakdown"]] == ["1", "1-20", "severe"]
    assert [video["ar10"] for video in metrics["per_video"]] == [1, 1, 1, 0]


def test_per_video_table(files: dict[str, Path], tmp_path: Path) -> None:
    evaluate(files, "--per-video", tmp_path / "videos.csv")
    with (tmp_path / "videos.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(r["video_id"], r["frames"], r["objects"], r["predictions"]) for r in rows] == [
        (str(key), "2", "1", "1") for key in VIDEOS
    ]
    assert [float(r["ap"]) for r in rows] == [100, 100, 100, 0]


def test_errors_and_their_chart(files: dict[str, Path], tmp_path: Path) -> None:
    text = evaluate(files, "--errors", "--chart", tmp_path / "chart.pdf", "--out", tmp_path / "metrics.json")
    # The one wrong prediction lies beside the object in both frames: nothing shows the object, it is no object's.
    assert float(row(text, "missed")[0]) > 0 and float(row(text, "association")[0]) == 0
    errors = json.loads((tmp_path / "metrics.json").read_text())["errors"]
    assert errors["ap"] + sum(kind["in_sequence"] for kind in errors["kinds"]) == pytest.approx(1)
    assert [kind["name"] for kind in errors["kinds"]] == [
        "association", "classification", "mask", "missed", "spurious",
    ]  # fmt: skip
    assert (tmp_path / "chart.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_json_instead_of_tables(files: dict[str, Path]) -> None:
    printed = json.loads(evaluate(files, "--json", "--draws", 0))
    assert printed["scores"]["ar10"] == 0.75 and "counts" not in printed


@pytest.mark.parametrize("command", ["evaluate", "evaluate-frames"])
@pytest.mark.parametrize(("options", "videos"), [(["--limit-videos", 3], 3), (["--videos", "split"], 2)])
def test_some_videos(command: str, options: list[Any], videos: int, files: dict[str, Path]) -> None:
    pred = files["ours" if command == "evaluate" else "frames"]
    given = [files.get(str(option), option) for option in options]
    ended = vita(command, "--gt", files["gt"], "--pred", pred, *given)
    assert ended.code == 0 and ended.out.startswith(f"{videos} videos, ")


def test_frames(files: dict[str, Path], tmp_path: Path) -> None:
    call = ["evaluate-frames", "--gt", files["gt"], "--pred", files["frames"]]
    ended = vita(*call, "--out", tmp_path / "scored.json")
    assert ended.out.startswith("4 videos, 8 frames, 4 detections, scores in points")
    # Every second mask is found, without a mistake.
    assert row(ended.out, "AP") == ["50.50"] and row(ended.out, "AR100") == ["50.00"]
    written = json.loads((tmp_path / "scored.json").read_text())
    assert written["scores"]["ar100"] == pytest.approx(0.5) and written["num_frames"] == 8
    assert json.loads(vita(*call, "--json").out) == written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--chart", "chart"], "--chart draws the error analysis; ask for it with --errors"),
        (["--against", "theirs", "--draws", 0], "--against needs draws"),
        (["--draws", 1], "1 draws give no interval"),
        (["--against", "absent"], "absent: no such file"),
        (["--against", "frames"], "frames.json: prediction 0"),
        (["--videos", "ours"], "ours.json"),
        (["--pred", "gt"], "gt.json: predictions must be a list"),
        (["--gt", "ours"], "ours.json: not a YouTube-VIS file: it needs the lists `videos` and"),
    ],
)
def test_wrong_input_is_one_sentence(options: list[Any], message: str, files: dict[str, Path]) -> None:
    given = [files.get(str(option), option) for option in options]
    assert message in vita("evaluate", "--gt", files["gt"], "--pred", files["ours"], *given).message


def test_nothing_to_analyse(files: dict[str, Path]) -> None:
    files["gt"].write_text(json.dumps(ground_truth([], [video(key) for key in VIDEOS])))
    assert "no object to find" in vita("evaluate", "--gt", files["gt"], "--pred", files["ours"], "--errors").message


@pytest.mark.parametrize("options", [["--draws", "-1"], ["--seed", "-1"], ["--draws", "many"], ["--limit-videos", 0]])
def test_numbers_out_of_range(options: list[Any], files: dict[str, Path]) -> None:
    ended = vita("evaluate", "--gt", files["gt"], "--pred", files["ours"], *options)
    assert ended.code == 2 and str(options[0]) in ended.errors and "Traceback" not in ended.errors


def test_wrong_frames_are_one_sentence(files: dict[str, Path]) -> None:
    assert "detection 0" in vita("evaluate-frames", "--gt", files["gt"], "--pred", files["ours"]).message
