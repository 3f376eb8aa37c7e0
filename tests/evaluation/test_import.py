"""Results of other code: what is taken, under which ids, and with what record."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from evaluation_scenes import code, codes
from import_scenes import LENGTHS, MASK, NAMES, Imports, results, write_dataset
from tiny_run import vita


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    return Imports(tmp_path)


def test_an_import_is_its_tracks_and_their_record(imports: Imports) -> None:
    words = {"citation": "Them, 2026", "source": "https://example.org/theirs", "commit": "abc123"}
    ended = imports.take(results(), **words)
    assert (ended.code, ended.errors) == (0, "")
    given = hashlib.sha256((imports.folder / "results.json").read_bytes()).hexdigest()
    assert "3 tracks, 0 videos without a track" in ended.out and given in ended.out
    assert imports.stored() == results()
    record = imports.record()
    origin = {"name": "theirs", "title": "Theirs", "backbone": "ResNet-50", **words}
    assert (record["task"], record["weights_from"], record["origin"]) == ("import", "external", origin)
    assert record["videos"] == {str(key): [4, 6, length] for key, length in LENGTHS.items()}
    assert (record["dataset"], record["validate_on"], record["ground_truth"]) == ("own", "valid", "valid")
    assert record["categories"] == {str(key): name for key, name in NAMES.items()}
    (file,) = record["files"]
    stored = hashlib.sha256((imports.place / "predictions/seed0.json").read_bytes()).hexdigest()
    assert (file["seed"], file["file"], file["tracks"], file["empty_videos"]) == (0, "results.json", 3, [])
    assert (file["sha256"], file["stored_sha256"]) == (given, stored)
    assert not {"config", "iterations", "train_time_s", "seed"} & record.keys()  # of a training nothing is told


def test_masks_of_every_form_are_stored_as_compressed_codes(imports: Imports) -> None:
    """As a list of runs (1 unset pixel of column 0 too: 9 before, then 2 set and 2 unset in turn), and as nothing."""
    runs = {"size": [4, 6], "counts": [9, 2, 2, 2, 2, 2, 5]}
    entries = results()
    entries[0]["segmentations"] = [runs, []]
    assert imports.take(entries).code == 0
    assert imports.stored()[0]["segmentations"] == [code(MASK), None]


def test_several_files_are_seeds(imports: Imports) -> None:
    files = [imports.write(results(score=score), f"run{score}.json") for score in (0.25, 0.5)]
    assert imports.call(*files).code == 0
    assert [one["score"] for seed in (0, 1) for one in imports.stored(seed)] == [0.25] * 3 + [0.5] * 3
    assert [(one["seed"], one["file"]) for one in imports.record()["files"]] == [
        (0, "run0.25.json"),
        (1, "run0.5.json"),
    ]
    assert imports.call(*files, seed=[7, 3], name="again").code == 0
    again = json.loads((imports.place.with_name("again") / "import.json").read_text())
    assert [(one["seed"], one["file"]) for one in again["files"]] == [(3, "run0.5.json"), (7, "run0.25.json")]
    for seeds in ([1], [1, 1]):
        assert "give each file a seed of its own" in imports.call(*files, seed=seeds, name="third").message


def test_the_archive_for_a_server_is_taken(imports: Imports) -> None:
    archive = imports.folder / "results.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("results.json", json.dumps(results()))
    assert imports.call(archive).code == 0
    assert imports.stored() == results()
    (file,) = imports.record()["files"]
    assert (file["file"], file["member"]) == ("results.zip", "results.json")
    assert file["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("members", "told"), [((), "0 JSON files"), (("a.json", "b.json"), "2 JSON files"), (None, "")]
)
def test_other_archives_are_refused(imports: Imports, members: tuple[str, ...] | None, told: str) -> None:
    archive = imports.folder / "results.zip"
    if members is None:
        archive.write_text("no archive")
        told = "not a readable archive"
    else:
        with zipfile.ZipFile(archive, "w") as opened:
            for name in members:
                opened.writestr(name, "[]")
    assert told in imports.call(archive).message


def as_mmdetection(entries: list[dict[str, Any]], classes: list[str]) -> list[dict[str, Any]]:
    """`category_id` is the label in the order of its class list, plus 1; scores are rounded to three decimals."""
    label = {name.lower(): number for number, name in enumerate(classes)}
    return [
        entry | {"category_id": label[NAMES[entry["category_id"]].lower()] + 1, "score": round(entry["score"], 3)}
        for entry in entries
    ]


@pytest.mark.parametrize("form", ["text", "list", "mapping", "annotations", "yaml"])
def test_categories_are_found_by_name(imports: Imports, form: str) -> None:
    """A class list in another order, written in another way."""
    classes = ["Person", "giant panda", "sedan"]
    ids = dict(enumerate((name.replace(" ", "_") for name in classes), start=1))
    written = {
        "text": ("classes.txt", "\n".join(classes) + "\n\n"),
        "list": ("classes.json", json.dumps(classes)),
        "mapping": ("classes.json", json.dumps(ids)),
        "annotations": ("a.json", json.dumps({"categories": [{"id": k, "name": n} for k, n in ids.items()]})),
        "yaml": ("data.yaml", json.dumps({"categories": ids, "name": "theirs"})),
    }
    theirs = as_mmdetection(results(score=0.12345), [name.lower().replace(" ", "_") for name in classes])
    assert [one["category_id"] for one in theirs] == [2, 3, 1]
    assert imports.take(theirs, categories=imports.write(written[form][1], written[form][0])).code == 0
    assert imports.stored() == results(score=0.123)
    assert imports.record()["categories_by"] == f"names of {written[form][0]}"


def test_labels_from_zero_are_recognised_and_taken_when_said(imports: Imports) -> None:
    theirs = [one | {"category_id": one["category_id"] - 1} for one in results()]
    message = imports.refused(theirs)
    assert "category ids 0 are not known (1 tracks)" in message and "if each id were 1 more" in message
    assert "--first-category 0" in message
    classes = imports.write("\n".join(NAMES.values()), "classes.txt")
    message = imports.refused(theirs, categories=classes)
    assert message.endswith("say so with --first-category 0")
    assert imports.take(theirs, categories=classes, first_category=0).code == 0
    assert imports.stored() == results()


def test_categories_that_the_data_set_lacks_are_left_out_when_said(imports: Imports) -> None:
    classes = imports.write("giant panda\nsedan\nperson\nzebra\n", "classes.txt")
    theirs = [*results(), *results(category_id=4)[:2]]
    message = imports.refused(theirs, categories=classes)
    assert "2 tracks of categories that the data set does not have (zebra)" in message
    assert imports.take(theirs, categories=classes, drop_other_categories=True).code == 0
    assert imports.stored() == results()
    (file,) = imports.record()["files"]
    assert (file["tracks"], file["left_out"]) == (3, {"zebra": 2})
    assert imports.take(theirs, name="by_id", drop_other_categories=True).code == 0  # as the official evaluator does


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ("cat\ndog\n", "none of its 2 names (cat, dog) is among the data set's (giant_panda, Sedan, person)"),
        ("person\nPerson\n", "'person' stands there twice"),
        ("", "not a class list"),
    ],
)
def test_lists_that_tell_nothing_are_refused(imports: Imports, classes: str, told: str) -> None:
    assert told in imports.refused(results(), categories=imports.write(classes, "classes.txt"))


def test_a_shift_of_video_ids_is_recognised_and_taken_when_said(imports: Imports) -> None:
    theirs = [one | {"video_id": one["video_id"] - 1} for one in results()]
    message = imports.refused(theirs)
    assert "video 0 is not in the data set, which has 3 videos, ids 1 to 3" in message
    assert message.endswith("say --video-id-shift 1")
    assert imports.take(theirs, video_id_shift=1).code == 0
    assert imports.stored() == results() and imports.record()["video_id_shift"] == 1


def test_a_shift_within_the_ids_is_seen_by_the_lengths(imports: Imports) -> None:
    """Tracks of videos 2 and 3 (3 and 2 frames) under the ids 1 and 2 (2 and 3 frames)."""
    theirs = [one | {"video_id": one["video_id"] - 1} for one in results()[1:]]
    message = imports.refused(theirs, allow_empty=True)
    assert "prediction 0: 3 masks for video 1, which has 2 frames" in message
    assert message.endswith("say --video-id-shift 1")


def test_results_of_another_data_set_are_refused(imports: Imports) -> None:
    theirs = [one | {"video_id": one["video_id"] + 100, "segmentations": codes([MASK])} for one in results()]
    message = imports.refused(theirs)
    assert "so it is with 3 of the file's 3 videos; is it of another data set, or of another part of it?" in message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"segmentations": codes([MASK])}, "1 masks for video 1, which has 2 frames; so it is with 1 of 3 tracks"),
        ({"segmentations": codes([MASK[:3], None])}, "mask of size [3, 6] in a video of size [4, 6]"),
        ({"segmentations": [{"size": [4, 6], "counts": "1"}, None]}, "add up to 1 pixels in a frame of 24"),
        ({"segmentations": "x"}, "`segmentations` must be a list"),
        ({"category_id": 9}, "category ids 9 are not known (1 tracks); known are 1 giant_panda, 2 Sedan, 3 person"),
        ({"video_id": "1"}, "`video_id` must be a whole number"),
        ({"score": float("nan")}, "`score` must be a finite number"),
    ],
)
def test_a_track_that_does_not_fit_is_named(imports: Imports, changes: dict[str, Any], told: str) -> None:
    entries = results()
    entries[0] |= changes
    message = imports.refused(entries)
    assert told in message and message.startswith(str(imports.folder / "results.json"))


@pytest.mark.parametrize(
    ("entries", "told"), [([], "no track at all"), ({}, "must be a list"), ("[", "not valid JSON")]
)
def test_what_is_no_results_file_is_refused(imports: Imports, entries: Any, told: str) -> None:
    assert told in imports.refused(entries)


def test_videos_without_a_track_are_asked_about(imports: Imports) -> None:
    message = imports.refused(results()[:1])
    assert "no track in 2 of the 3 videos that are scored (first: 2, 3)" in message
    assert imports.take(results()[:1], allow_empty=True).code == 0
    assert imports.record()["files"][0]["empty_videos"] == [2, 3]
    assert len(imports.record()["videos"]) == 3


def test_on_a_local_split_its_videos_must_be_there(imports: Imports) -> None:
    """The list sets one of the three videos aside; results of the two others are of no use."""
    split = {"file": str(imports.folder / "split.json"), "valid_share": 0.34, "seed": 0}
    write_dataset(imports.folder / "data", validate_on="local_split", local_split=split)
    assert vita("data", "split", "--dataset", imports.dataset).code == 0
    (scored,) = json.loads((imports.folder / "split.json").read_text())["valid"]
    others = [one for one in results() if one["video_id"] != scored]
    message = imports.refused(others)
    assert "no track in any of the 1 videos that are scored (local split of train (34%, seed 0))" in message
    assert imports.take([one for one in results() if one["video_id"] == scored]).code == 0
    assert imports.record()["validate_on"] == "local_split" and list(imports.record()["videos"]) == [str(scored)]


def test_an_import_is_replaced_only_when_said(imports: Imports) -> None:
    assert imports.take(results()).code == 0
    assert "choose another --name, or say --replace" in imports.take(results(score=0.5)).message
    assert "of another data set" in imports.take(results(video_id=1), replace=True).message
    assert imports.stored() == results()  # a refused one leaves what was there
    assert imports.take(results(score=0.5), replace=True).code == 0
    assert imports.stored() == results(score=0.5)


@pytest.mark.parametrize("name", ["", "Theirs", "../theirs", "a/b", ".hidden", "a b", "vita.x", "a\n"])
def test_a_name_is_a_word(imports: Imports, name: str) -> None:
    assert "key 'name'" in imports.refused(results(), name=name)


@pytest.mark.parametrize("title", ["", " \n ", "x" * 81])
def test_a_title_is_a_short_line(imports: Imports, title: str) -> None:
    assert "key 'title'" in imports.refused(results(), title=title)
    assert imports.take(results(), title="A\ttitle\n").code == 0
    assert imports.record()["origin"]["title"] == "A title"


def test_images_are_not_videos(imports: Imports) -> None:
    write_dataset(imports.folder / "data", format="coco")
    assert "results are of videos" in imports.refused(results())
