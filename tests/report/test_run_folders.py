"""Runs as their folders tell them, and what the page says of all of them, from records written by hand."""

import fcntl
import json
import re
from pathlib import Path

import pytest
from page_scenes import Results, config
from written_records import training_record

from vita.core.contract import UserError
from vita.report.pages.environment_section import environment_section
from vita.report.pages.run_folder import read_run_folder, run_folders
from vita.report.pages.runs_section import runs_section

BASE = "runs/smoke/shapes/vita/tiny/base"


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path)


def read(results):
    return [read_run_folder(folder) for folder in run_folders(results.root)]


def overview(results):
    """Text of all cells of the overview, row by row."""
    text = re.sub(r"</?a\b[^>]*>", "", runs_section(read(results)).split("<h3>")[0])
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]


def cells(section):
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", section)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]


def test_every_run_has_a_line(results):
    results.scored("intact", 0)
    results.scored("prune50", 1)
    header, first, second = overview(results)
    assert first[:4] == ["shapes vita tiny base seed0", "finished", "trained", "4"]
    # Five of ten objects: recall levels 0 to 0.5 are 51 of 101.
    assert first[header.index("training [min]")] == "1.5"
    assert first[-1] == "50.5"
    assert second[-1] == ""  # no score of `intact`


def test_a_failed_run_stands_there_with_its_error(results):
    results.scored("intact", 0)
    results.failed(1, "UserError: <nan>")
    good, bad = read(results)
    assert (good.state, good.error) == ("finished", "")
    assert (bad.state, bad.error) == ("failed", "UserError: <nan>")
    assert "1 of 2 runs finished" in runs_section([good, bad])


def test_a_run_whose_start_failed_says_so(results):
    start = Path(results.failed(0, "UserError: nan", variant="pretrain")["directory"])
    later = results.configured(results.root / BASE / "seed0")
    (later / "config.yaml").write_text(
        json.dumps(config(list(later.parts[-6:]), start_from=str(start / "model.safetensors")))
    )
    run = read_run_folder(later)
    assert (run.state, run.error) == ("failed", f"not started: {start} failed")
    text = runs_section(read(results))
    assert '<a href="#run-smoke-shapes-vita-tiny-pretrain-seed0">shapes vita tiny pretrain seed0</a>' in text


@pytest.mark.parametrize("log", ["", "Traceback\n", "interrupted after step 3; the same command goes on\n"])
def test_what_ended_without_an_error_is_unfinished(results, log):
    folder = results.configured(results.root / BASE / "seed0")
    (folder / "logs").mkdir()
    (folder / "logs" / "train.log").write_text(log)
    assert read_run_folder(folder).state == "unfinished"


def test_a_run_at_work_is_unfinished_whatever_it_said_before(results):
    folder = Path(results.failed(0, "UserError: nan")["directory"])
    with (folder / "work" / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert read_run_folder(folder).state == "unfinished"
    assert read_run_folder(folder).state == "failed"


@pytest.mark.parametrize(
    ("step", "leaves"), [("predict", "predict_record.json"), ("evaluate_intact", "metrics/intact.json")]
)
def test_the_step_that_failed_is_told(results, step, leaves):
    folder = Path(results.scored("intact", 0)["directory"])
    (folder / leaves).unlink()
    (folder / "logs").mkdir()
    (folder / "logs" / f"{step}.log").write_text("at work\nerror: no memory\n")
    assert (read_run_folder(folder).state, read_run_folder(folder).error) == ("failed", "no memory")


def test_sources_of_methods_are_told_apart(results):
    """The same source with two packages of methods is no difference, another source is one."""
    for seed, more in enumerate(
        ({"source_digest": "aaa+0"}, {"source_digest": "aaa+1", "versions": {"torch": "2.14.0"}})
    ):
        folder = Path(results.scored("intact", seed)["directory"])
        (folder / "predict_record.json").unlink()
        words = config(list(folder.parts[-6:]))
        (folder / "record.json").write_text(json.dumps(training_record(words, seed=seed, **more)))
    runs = read(results)
    alone = environment_section(runs[:1])
    assert "All runs are alike" in alone
    assert cells(alone)[-1] == ["source of vita", "0", "1"]
    both = environment_section(runs)
    assert "Runs differ in: torch, source of vita." in both
    assert ["torch", "2.13.0", "1"] in cells(both)


def test_what_is_missing_or_no_record_is_named(results, tmp_path):
    with pytest.raises(UserError, match=r"seed0/config\.yaml: no such file"):
        read_run_folder(tmp_path / "seed0")
    folder = Path(results.scored("intact", 0)["directory"])
    (folder / "record.json").write_text("{}")
    with pytest.raises(UserError, match=r"record\.json: key 'config_digest' is missing"):
        read_run_folder(folder)
