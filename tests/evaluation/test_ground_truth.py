from typing import Any

import pytest
from evaluation_scenes import annotation, code, ground_truth, video

from vita.core.contract import UserError
from vita.evaluation.readers.ground_truth import parse_ground_truth

MASK = code([[1, 1, 0, 0], [1, 0, 0, 0]])


def test_reads_videos_categories_and_annotations() -> None:
    data = ground_truth(
        [annotation(4, [MASK, None], areas=[3, None], iscrowd=1), annotation(2, [None, []], areas=[None, 0])],
        videos=[video(9, 3, 5, 7), video(1)],
        categories=(6, 1),
    )
    found = parse_ground_truth(data, "gt")
    assert list(found.videos) == [1, 9]
    assert (found.videos[9].height, found.videos[9].width, found.videos[9].length) == (3, 5, 7)
    assert found.categories == {1: "category 1", 6: "category 6"}
    first, second = found.annotations
    assert (first.id, first.is_crowd, first.listed_area, first.track.masks) == (4, True, 3, [MASK["counts"], ""])
    assert (second.id, second.is_crowd, second.listed_area, second.track.masks) == (2, False, 0, ["", ""])


def test_listed_area_is_the_mean_of_those_that_are_there() -> None:
    data = ground_truth([annotation(1, [MASK, None], areas=[10, None, 0, 20])])
    assert parse_ground_truth(data, "gt").annotations[0].listed_area == 15
    del data["annotations"][0]["areas"]
    assert parse_ground_truth(data, "gt").annotations[0].listed_area is None


def test_first_videos_by_id() -> None:
    data = ground_truth(
        [annotation(1, [MASK], video_id=5), annotation(2, [MASK], video_id=2)], [video(5), video(2), video(8)]
    )
    found = parse_ground_truth(data, "gt")
    assert [list(found.part(None, n).videos) for n in (1, 2, 9)] == [[2], [2, 5], [2, 5, 8]]
    assert [a.id for a in found.part(None, 1).annotations] == [2]


def test_a_part_by_ids_and_number() -> None:
    found = parse_ground_truth(ground_truth([], [video(5), video(2), video(8)]), "gt")
    assert found.part(None, None) is found
    assert list(found.part({8, 5}, None).videos) == [5, 8]
    assert list(found.part({8, 5}, 1).videos) == [5]
    assert list(found.part(None, 2).videos) == [2, 5]
    with pytest.raises(UserError, match="video 3 is asked for"):
        found.part({3}, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"videos": None},
            r"gt: not a YouTube-VIS file: it needs the lists `videos` .*, but `videos` is None",
        ),
        ({"categories": {}}, r"gt: not a YouTube-VIS file: .* but `categories` is {}"),
        ({"annotations": None}, r"gt: `annotations` must be a list; ground truth without annotations"),
        ({"videos": [3]}, r"gt: `videos` entry 0: an object is needed, found 3"),
        ({"videos": [{"height": 2}]}, r"gt: `videos` entry 0: the key `id` is missing"),
        ({"videos": [video(1), video(1)]}, r"gt: video 1: `videos` entries 0 and 1 have this id; ids must differ"),
        (
            {"videos": [{**video(), "width": 4.5}]},
            r"gt: video 1: `height` is 2, `width` is 4\.5; they must be whole",
        ),
        (
            {"videos": [{**video(), "height": 0}]},
            r"gt: video 1: `height` is 0, `width` is 4; they must .* of at least 1",
        ),
    ],
)
def test_bad_files(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_ground_truth({**ground_truth([]), **change}, "gt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_id": 3}, r"gt: annotation 1: no video has the id 3"),
        ({"category_id": 3}, r"gt: annotation 1 of video 1: unknown category 3; known: \[1\]"),
        ({"category_id": True}, r"gt: annotation 1 of video 1: `category_id` must be a whole number, not True"),
        ({"iscrowd": "no"}, r"gt: annotation 1 of video 1: `iscrowd` must be 0 or 1, not 'no'"),
        ({"areas": [1, "2"]}, r"gt: annotation 1: `areas` must be a list of numbers"),
        ({"areas": 3}, r"gt: annotation 1: `areas` must be a list of numbers"),
        ({"segmentations": {}}, r"gt: annotation 1: `segmentations` must be a list"),
        ({"segmentations": [None, code([[1]])]}, r"gt: annotation 1, frame 1 .*\[1, 1\].*\[2, 4\]"),
    ],
)
def test_bad_annotations(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_ground_truth(ground_truth([{**annotation(1, [MASK, None]), **change}]), "gt")


@pytest.mark.parametrize("data", [[], 3, None])
def test_another_type(data: Any) -> None:
    with pytest.raises(UserError, match=r"gt: not a YouTube-VIS file: it needs the lists .* but `videos` is missing"):
        parse_ground_truth(data, "gt")
