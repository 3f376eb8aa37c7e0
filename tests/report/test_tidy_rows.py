"""Tidy rows from run folders written by hand."""

import csv
import json

import pytest
from figure_runs import DATASET
from written_records import metrics_record, training_record

from vita.core.config_base import dump
from vita.core.contract import UserError
from vita.core.run_config import PredictConfig
from vita.report.runs.tidy_rows import COLUMNS, collect_runs

CONFIG = {"tier": "smoke", "method": "vita", "backbone": "tiny", "variant": "base", "seed": 3}


@pytest.fixture
def run_folder(tmp_path):
    """A finished run with two inference variants, one of them evaluated."""
    folder = tmp_path / "seed3"
    (folder / "metrics").mkdir(parents=True)
    about = {"seed": 3, "iterations": 600, "train_time_s": 61.5, "source_digest": "0123456789ab"}
    record = training_record(CONFIG | {"dataset": DATASET}, **about)
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "inference.yaml").write_text(dump(PredictConfig(variants={"intact": {}, "zero": {"control": "zero"}})))
    scores = {"ap": 0.5, "ap50": 0.75, "ap75": 0.625, "ar1": 0.25, "ar10": None, "ap_small": 0.1}
    (folder / "metrics" / "intact.json").write_text(json.dumps(metrics_record(scores, videos=30)))
    return folder


def rows(folders, out):
    collect_runs(folders, out)
    with out.open() as handle:
        return list(csv.DictReader(handle))


def test_one_row_an_inference_variant_with_scores_in_points(run_folder, tmp_path):
    intact, zero = rows([run_folder], tmp_path / "runs.csv")
    assert tuple(intact) == COLUMNS
    identity = ("tier", "dataset", "method", "backbone", "variant", "seed", "inference")
    assert [intact[name] for name in identity] == ["smoke", "shapes", "vita", "tiny", "base", "3", "intact"]
    # fractions of the metrics file x 100; null where there is no ground truth stays empty
    assert [intact[name] for name in ("AP", "AP50", "AP75", "AR1")] == ["50.0000", "75.0000", "62.5000", "25.0000"]
    assert intact["AR10"] == ""
    assert (intact["ground_truth"], intact["videos"]) == ("valid", "30")
    assert [intact[name] for name in ("status", "iterations", "device")] == ["finished", "600", "cpu"]
    assert intact["source_digest"] == "0123456789ab"
    assert intact["directory"] == run_folder.as_posix()
    assert (zero["inference"], zero["status"], zero["AP"]) == ("zero", "not evaluated", "")


def test_rows_keep_the_order_of_runs_and_variants(run_folder, tmp_path):
    names = [row["inference"] for row in rows([run_folder, run_folder], tmp_path / "runs.csv")]
    assert names == ["intact", "zero", "intact", "zero"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("record.json", None, r"record\.json: no such file"),
        ("record.json", "{", r"record\.json: not valid JSON"),
        ("record.json", '{"seed": 1, "status": "finished"}', r"record\.json: key '\w+' is missing; delete the file"),
        ("record.json", json.dumps(training_record({})), r"record\.json: config lacks 'tier'"),
        (
            "record.json",
            json.dumps(training_record({}, status="")),
            r"record\.json: key 'status': Input should",
        ),
        ("record.json", json.dumps(training_record(CONFIG | {"dataset": {}})), r"config\.dataset: key"),
        ("metrics/intact.json", "[]", r"intact\.json: expected a mapping of keys, found list; delete the file"),
        ("metrics/intact.json", "{}", r"intact\.json: key 'scores' is missing; delete the file"),
        ("inference.yaml", "variant: {}", r"inference\.yaml: .*'variant"),
    ],
)
def test_bad_files_are_named_and_nothing_is_written(run_folder, tmp_path, file, content, message):
    path = run_folder / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        collect_runs([run_folder], tmp_path / "runs.csv")
    assert not (tmp_path / "runs.csv").exists()


def test_scored_on_a_local_split(run_folder, tmp_path):
    local = {"validate_on": "local_split", "local_split": {"file": "split.json", "valid_share": 0.2, "seed": 4}}
    record = json.loads((run_folder / "record.json").read_text())
    record["config"]["dataset"] |= local
    (run_folder / "record.json").write_text(json.dumps(record))
    intact, _ = rows([run_folder], tmp_path / "runs.csv")
    assert intact["ground_truth"] == "local split of train (20%, seed 4)"
