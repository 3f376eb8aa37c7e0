"""YouTube-VIS 2022: AP of short videos, of long ones, and their mean, in one call of `vita evaluate`."""

import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video
from tiny_run import vita

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]
SHORT, LONG = (1, 2), (3, 4, 5)
# One object a video. Short: one of two is found, at recalls up to 1/2. Long: two of three, up to 2/3 (67 of 101).
FOUND = (1, 3, 4)
AP_SHORT, AP_LONG = 51 / 101, 67 / 101
AP_MEAN = (AP_SHORT + AP_LONG) / 2


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def truth(keys: tuple[int, ...], categories: tuple[int, ...] = (1,)) -> dict[str, Any]:
    objects = [annotation(key, codes([LEFT, RIGHT]), video_id=key) for key in keys]
    return ground_truth(objects, [video(key) for key in keys], categories)


def tracks(keys: tuple[int, ...]) -> list[dict[str, Any]]:
    found, other = codes([LEFT, RIGHT]), codes([RIGHT, LEFT])
    return [
        prediction(found if key in FOUND else other, 0.9 - key / 100 - 0.5 * (key not in FOUND), video_id=key)
        for key in keys
    ]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    content = {
        "all": truth(SHORT + LONG), "short": truth(SHORT), "long": truth(LONG), "ids": list(LONG),
        "tracks": tracks(SHORT + LONG), "tracks_short": tracks(SHORT), "tracks_long": tracks(LONG),
    }  # fmt: skip
    return {name: write(tmp_path / f"{name}.json", one) for name, one in content.items()}


def scored(*options: object) -> dict[str, Any]:
    ended = vita("evaluate", *options, "--json", "--draws", 50)
    assert ended.code == 0, ended.errors
    return json.loads(ended.out)


def refused(*options: object) -> str:
    ended = vita("evaluate", *options)
    assert ended.code == 2 and ended.errors.count("\n") == 1, ended.errors
    return ended.errors


def test_one_file_and_a_list_of_the_long_videos(files: dict[str, Path]) -> None:
    record = scored("--gt", files["all"], "--pred", files["tracks"], "--long", files["ids"])
    lengths = record["lengths"]
    assert {name: kind["scores"]["ap"] for name, kind in lengths.items()} == pytest.approx(
        {"short": AP_SHORT, "long": AP_LONG, "mean": AP_MEAN}
    )
    assert [(kind["videos"], kind["objects"]) for kind in lengths.values()] == [(2, 2), (3, 3), (5, 5)]
    assert lengths["mean"]["scores"]["ar10"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    # Of all five videos as they come: three objects of five, at recalls up to 3/5.
    assert record["scores"]["ap"] == pytest.approx(61 / 101)
    low, high = lengths["mean"]["intervals"]["ap"]
    assert record["further"]["AP_short_long"] == {"score": lengths["mean"]["scores"]["ap"], "low": low, "high": high}
    assert 0 <= low < AP_MEAN < high <= 1
    assert lengths["short"]["intervals"]["ap"] == [pytest.approx(2 * AP_SHORT - 1), 1]


def test_two_files_say_the_same(files: dict[str, Path]) -> None:
    listed = scored("--gt", files["all"], "--pred", files["tracks"], "--long", files["ids"])
    one_result = scored("--gt", files["short"], "--pred", files["tracks"], "--long", files["long"])
    halves = ("--pred", files["tracks_short"], "--long", files["long"], "--long-pred", files["tracks_long"])
    two_results = scored("--gt", files["short"], *halves)
    assert listed["lengths"] == one_result["lengths"] == two_results["lengths"]
    # The main scores are of the videos of --gt.
    assert one_result["scores"] == two_results["scores"]
    assert one_result["scores"]["ap"] == pytest.approx(AP_SHORT)


def test_files_that_number_their_videos_alike_have_a_results_file_each(files: dict[str, Path], tmp_path: Path) -> None:
    renamed = json.loads(files["long"].read_text().replace('"video_id": 3', '"video_id": 1'))
    renamed["videos"][0]["id"] = 1
    files["long"] = write(tmp_path / "renamed.json", renamed)
    long_tracks = json.loads(files["tracks_long"].read_text().replace('"video_id": 3', '"video_id": 1'))
    results = write(tmp_path / "renamed_tracks.json", long_tracks)
    pair = ("--gt", files["short"], "--pred", files["tracks_short"], "--long", files["long"])
    assert scored(*pair, "--long-pred", results)["lengths"]["mean"]["scores"]["ap"] == pytest.approx(AP_MEAN)
    assert "video 1 stands in the ground truth of the short and in that of the long videos" in refused(*pair)


def test_the_text_has_a_line_a_kind(files: dict[str, Path]) -> None:
    ended = vita("evaluate", "--gt", files["all"], "--pred", files["tracks"], "--long", files["ids"], "--draws", 0)
    rows = {
        line.rsplit(maxsplit=7)[0].strip(): line.split()[-7:]
        for line in ended.out.splitlines()
        if "short" in line or "mean of" in line
    }
    assert rows["short"][:3] == ["2", "2", f"{100 * AP_SHORT:.2f}"]
    assert rows["mean of both"][:3] == ["5", "5", f"{100 * AP_MEAN:.2f}"]


def test_what_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    both = ("--gt", files["all"], "--pred", files["tracks"], "--long")
    assert "names video 9" in refused(*both, write(tmp_path / "nine.json", [3, 9]))
    for content in ([], ["a"], [True], 3):
        assert "must be a list of ids" in refused(*both, write(tmp_path / "wrong.json", content))
    assert "no such file" in refused(*both, tmp_path / "absent.json")
    assert "no short video" in refused(*both, write(tmp_path / "every.json", [1, 2, 3, 4, 5]))
    assert "--long-pred goes with ground truth" in refused(*both, files["ids"], "--long-pred", files["tracks"])
    assert "name their ground truth with --long" in refused(*both[:-1], "--long-pred", files["tracks"])
    other = write(tmp_path / "other.json", truth(LONG, (1, 2)))
    assert "other categories" in refused("--gt", files["short"], "--pred", files["tracks"], "--long", other)
    unknown = ("--gt", files["short"], "--pred", files["tracks"], "--long-pred", files["tracks_long"])
    assert "unknown video_id 3" in refused(*unknown, "--long", files["long"])
