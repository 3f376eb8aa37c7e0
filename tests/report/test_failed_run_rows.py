"""Runs that ended without their result: rows with the error, by what each left behind."""

import json

import pytest
from figure_runs import DATASET, TRAIN
from written_records import metrics_record, training_record

from vita.core.config_base import dump
from vita.core.run_config import PredictConfig, RunConfig
from vita.report.runs.failed_runs import UNTOLD
from vita.report.runs.tidy_rows import failed_rows


@pytest.fixture
def folder(tmp_path):
    """A run that was asked for two predictions and has not begun."""
    folder = tmp_path / "seed3"
    (folder / "logs").mkdir(parents=True)
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "w").write_text("weights")
    names = {"tier": "smoke", "method": "vita", "backbone": "tiny", "variant": "base", "seed": 3}
    config = RunConfig.model_validate(
        {**names, "dataset": DATASET, "options": {}, "train": TRAIN, "start_from": str(tmp_path / "before" / "w")}
    )
    (folder / "config.yaml").write_text(dump(config))
    (folder / "inference.yaml").write_text(dump(PredictConfig(variants={"intact": {}, "zero": {"control": "zero"}})))
    return folder


def finish_training(folder):
    config = json.loads(RunConfig.model_validate(read(folder)).model_dump_json())
    (folder / "record.json").write_text(json.dumps(training_record(config, seed=3)))


def read(folder):
    import yaml

    return yaml.safe_load((folder / "config.yaml").read_text())


def errors(folder):
    return {row["inference"]: (row["status"], row["error"]) for row in failed_rows(folder)}


def test_training_that_told_its_error(folder):
    (folder / "work").mkdir()
    told = training_record({}, status="failed", error="UserError: step 7: loss 'video_mask'\nis nan")
    (folder / "work" / "record.json").write_text(json.dumps(told))
    rows = failed_rows(folder)
    assert [row["inference"] for row in rows] == ["intact", "zero"]
    assert {(row["dataset"], row["variant"], row["seed"], row["ground_truth"]) for row in rows} == {
        ("shapes", "base", 3, "valid")
    }
    assert {row["error"] for row in rows} == {"UserError: step 7: loss 'video_mask' is nan"}
    assert {row["directory"] for row in rows} == {folder.as_posix()}


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("base seed 3:  10%|##\rbase seed 3: 20%|####\nerror: data/train: no such file\n", "data/train: no such file"),
        ("Traceback ...\nRuntimeError: out of memory\n", "RuntimeError: out of memory"),
        ("base seed 3:  10%|##\r", UNTOLD),
        ("", UNTOLD),
    ],
)
def test_training_whose_log_tells_or_does_not(folder, log, error):
    (folder / "logs" / "train.log").write_text(log)
    assert errors(folder)["intact"] == ("failed", error)


def test_what_never_began_names_what_failed_before_it(folder):
    (folder.parent / "before" / "w").unlink()
    assert errors(folder)["zero"] == ("failed", f"not started: {(folder.parent / 'before').as_posix()} failed")


def test_prediction_and_scoring_that_failed(folder):
    finish_training(folder)
    (folder / "logs" / "predict.log").write_text("error: frames are gone\n")
    assert errors(folder) == dict.fromkeys(("intact", "zero"), ("failed", "frames are gone"))
    (folder / "predict_record.json").write_text("{}")
    (folder / "metrics").mkdir()
    metrics = metrics_record({"ap": 0.5}, videos=30)
    (folder / "metrics" / "intact.json").write_text(json.dumps(metrics))
    (folder / "logs" / "evaluate_zero.log").write_text("error: zero.json: cut off\n")
    intact, zero = failed_rows(folder)
    assert (intact["status"], intact["AP"], intact["error"]) == ("finished", 50.0, None)
    assert (zero["status"], zero["error"]) == ("failed", "zero.json: cut off")


@pytest.mark.parametrize("lost", ["seed3/predict_record.json", "before/w"])
def test_scores_do_not_outlive_what_they_were_made_from(folder, lost):
    """A run that was finished; then its prediction, or what it starts from, was done again and failed."""
    finish_training(folder)
    (folder / "predict_record.json").write_text("{}")
    (folder / "metrics").mkdir()
    for name in ("intact", "zero"):
        (folder / "metrics" / f"{name}.json").write_text(json.dumps(metrics_record({"ap": 0.5}, videos=30)))
    assert {row["status"] for row in failed_rows(folder)} == {"finished"}
    (folder.parent / lost).unlink()
    rows = failed_rows(folder)
    assert {row["status"] for row in rows} == {"failed"}
    assert not any("AP" in row or "videos" in row for row in rows)
