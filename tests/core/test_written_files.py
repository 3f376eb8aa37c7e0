"""Files of a run that are not as they were written, and what to do."""

import json
from pathlib import Path

import pytest

from vita.core.contract import UserError
from vita.core.written_files import check_as_written, digests

FILES = {"history.csv": "record.json", "frame_detector.json": "predict_record.json"}
FILES |= {"predictions/intact.json": "predict_record.json"}


@pytest.fixture
def run(tmp_path):
    """Three files and the records that say what they are."""
    folder = tmp_path / "seed0"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"[{name}, and more]")
    for record in set(FILES.values()):
        of_it = digests(folder, [folder / name for name, other in FILES.items() if other == record])
        (folder / record).write_text(json.dumps({"files_sha256": of_it, "task": "any"}))
    return folder


def test_whole_files_pass_and_so_do_those_that_no_record_names(run, tmp_path):
    (run / "predictions" / "other.json").write_text("[]")
    (tmp_path / "alone.json").write_text("[]")
    for path in (*(run / name for name in FILES), run / "predictions" / "other.json", tmp_path / "alone.json"):
        check_as_written(path)
    check_as_written(run / "predictions" / "missing.json")  # who reads it says so


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: "", lambda text: text.replace("more", "mOre")])
def test_one_that_was_cut_off_or_changed_is_told_with_a_way_out(run, name, change):
    path = run / name
    whole = path.read_text()
    path.write_text(change(whole))
    told = rf"^{path}: not as it was written: cut off, or changed \({run / FILES[name]} has another SHA-256\); "
    what = f"the folder {path.parent}" if name.startswith("predictions/") else "it"
    with pytest.raises(UserError, match=f"{told}deleting {what} is safe"):
        check_as_written(path)
    kept = run / "work" / ("finished" if name == "history.csv" else "predicted") / Path(name).name
    kept.parent.mkdir(parents=True)
    kept.write_text(whole)
    with pytest.raises(UserError, match=f"{told}{kept} is as it was written, copy it here"):
        check_as_written(path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"files_sha256": 3}', '{"task": "train"}'])
def test_a_record_that_says_nothing_of_it_is_in_nobodys_way(run, content):
    for record in set(FILES.values()):
        (run / record).write_text(content)
    for name in FILES:
        (run / name).write_text("something else")
        check_as_written(run / name)


def test_files_elsewhere_are_not_recorded(run, tmp_path):
    (tmp_path / "x.json").write_text("")
    assert digests(run, [tmp_path / "x.json"]) == {}
