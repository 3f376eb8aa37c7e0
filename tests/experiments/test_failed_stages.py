"""Which runs failed, by what they left in their folders."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiers import table

from vita.experiments.failures import evaluation_failed, prediction_failed, traces, training_failed

BASE = table("smoke").find("results/runs/smoke/shapes/vita/tiny/base/seed0")
START = BASE.starts_from


@pytest.fixture
def leave(tmp_path, monkeypatch):
    """A function that leaves files of a run behind."""
    monkeypatch.chdir(tmp_path)

    def write(run, *files):
        for file in files:
            path = Path(run.directory, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return write


def test_what_was_never_tried_has_not_failed(leave):
    leave(BASE, "config.yaml", "inference.yaml")
    assert not training_failed(BASE)
    assert not evaluation_failed(BASE, "intact")
    assert traces(BASE) == []


@pytest.mark.parametrize("trace", ["logs/train.log", "work/record.json"])
def test_a_training_without_its_record_failed(leave, trace):
    leave(START, trace)
    assert training_failed(START)
    assert training_failed(BASE)  # which starts from it
    assert not training_failed(replace(BASE, starts_from=None))
    assert traces(BASE) == [f"{START.directory}/{trace}"]
    leave(START, "record.json")
    assert not training_failed(BASE)


def test_a_prediction_and_a_score_fail_by_themselves(leave):
    leave(BASE, "logs/train.log", "record.json", "logs/predict.log")
    assert not training_failed(BASE)
    assert prediction_failed(BASE)
    assert evaluation_failed(BASE, "intact")
    leave(BASE, "predict_record.json", "logs/evaluate_intact.log", "logs/evaluate_zero.log", "metrics/zero.json")
    assert [evaluation_failed(BASE, name) for name in ("intact", "zero", "prune50")] == [True, False, False]
