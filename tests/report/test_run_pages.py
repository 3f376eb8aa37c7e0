"""Pages about the runs, from records written by hand."""

import json
import re

import pytest
from figure_runs import DATASET, TRAIN
from written_records import metrics_record, training_record

from vita.core.config_base import dump
from vita.core.contract import UserError
from vita.core.run_config import RunConfig
from vita.report.pages.run_pages import write_run_pages

MIB = 2**20


def config(seed, variant="base"):
    names = {"tier": "smoke", "method": "vita", "backbone": "tiny", "variant": variant, "seed": seed}
    return RunConfig.model_validate({**names, "dataset": DATASET, "options": {}, "train": TRAIN})


def write_run(folder, seed, minutes, variant="base", **changes):
    (folder / "logs").mkdir(parents=True)
    about = {"iterations": 900, "train_time_s": 60 * minutes, "peak_host_memory_bytes": 700 * MIB}
    record = training_record(config(seed, variant).model_dump(mode="json"), **about | changes)
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "logs" / "train.tsv").write_text(f"s\tcpu_time\n{60 * minutes + 30}\t1\n")
    return folder


def cells(path):
    """Text of all cells, row by row."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", path.read_text())
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]


def test_every_run_has_its_record_and_the_cost_is_their_sum(tmp_path):
    vita = tmp_path / "shapes" / "vita" / "tiny"
    runs = [write_run(vita / "base" / f"seed{seed}", seed, minutes=4 + seed) for seed in (0, 1)]
    runs.append(write_run(tmp_path / "mine", 0, minutes=2, variant="frozen", versions={"torch": "2.14.0"}))
    (runs[0] / "metrics").mkdir()
    (runs[0] / "metrics" / "intact.json").write_text(json.dumps(metrics_record({"ap": 0.625})))
    write_run_pages(runs, [], tmp_path / "runs.html")

    header, first, second, third = cells(tmp_path / "runs.html")
    assert first[:4] == ["shapes vita tiny base seed0", "finished", "trained", "900"]
    assert first[header.index("training [min]")] == "4.0"
    assert first[header.index("AP of `intact`")] == "62.5"
    assert second[header.index("AP of `intact`")] == ""
    assert f"are its folder in {tmp_path}." in (tmp_path / "runs.html").read_text()
    assert third[0] == f"shapes vita tiny frozen seed0 ({tmp_path}/mine)"

    # Two runs of base: 4.5 and 5.5 minutes with start-up; one frozen: 2.5. The table of costs knows no such training.
    cost = [row for row in cells(tmp_path / "cost.html") if row[0] == "vita"]
    assert cost == [
        ["vita", "tiny", "base", "cpu", "2", "10.0", "", "0 of 2"],
        ["vita", "tiny", "frozen", "cpu", "1", "2.5", "", "0 of 1"],
    ]

    environment = (tmp_path / "environment.html").read_text()
    assert "Runs differ in: torch." in environment
    assert ["torch", "2.13.0", "2"] in cells(tmp_path / "environment.html")


def test_a_failed_run_stands_there_with_its_error(tmp_path):
    folder = tmp_path / "shapes" / "vita" / "tiny" / "base" / "seed1"
    (folder / "work").mkdir(parents=True)
    (folder / "config.yaml").write_text(dump(config(1)))
    (folder / "work" / "record.json").write_text(
        json.dumps(training_record({}, status="failed", error="UserError: <nan>"))
    )
    write_run_pages([write_run(tmp_path / "seed0", 0, 4)], [folder], tmp_path / "runs.html")
    text = (tmp_path / "runs.html").read_text()
    assert "1 of 2 runs finished" in text
    assert "shapes vita tiny base seed1: UserError: &lt;nan&gt;" in text
    assert 'class="failed"' in text


def test_sources_of_methods_are_told_apart(tmp_path):
    """The same source with two packages of methods is no difference, another source is one."""
    runs = [write_run(tmp_path / str(seed), seed, 4, source_digest=f"aaa+{seed}") for seed in (0, 1)]
    write_run_pages(runs[:1], [], tmp_path / "runs.html")
    assert "All runs are alike" in (tmp_path / "environment.html").read_text()
    assert cells(tmp_path / "environment.html")[-1] == ["source of vita", "0", "1"]
    write_run_pages(runs, [], tmp_path / "runs.html")
    assert "Runs differ in: source of vita." in (tmp_path / "environment.html").read_text()


def test_what_is_missing_or_no_record_is_named(tmp_path):
    with pytest.raises(UserError, match=r"seed0/record\.json: no such file; `vita train` writes it"):
        write_run_pages([tmp_path / "seed0"], [], tmp_path / "runs.html")
    folder = write_run(tmp_path / "seed1", 1, 4)
    (folder / "record.json").write_text("{}")
    with pytest.raises(UserError, match=r"record\.json: key 'config_digest' is missing"):
        write_run_pages([folder], [], tmp_path / "runs.html")
