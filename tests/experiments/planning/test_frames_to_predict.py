"""How many frames are scored, how large they are, and how much work that is, before any run."""

import json

import pytest
import yaml
from planned import LIBRARY, smoke

from vita.core.dataset_config import DatasetConfig
from vita.core.run_config import PredictConfig
from vita.experiments.planning.flops import gflop_per_frame, gflop_per_iteration
from vita.experiments.planning.frames import frames_to_predict
from vita.experiments.planning.run_kinds import predicted_size, training_pixels

SPLIT = {"validate_on": "local_split", "local_split": {"file": "ids.json", "valid_share": 0.25}}


def dataset(name, **changes):
    content = yaml.safe_load((LIBRARY / "datasets" / f"{name}.yaml").read_text())
    return DatasetConfig.model_validate(content | changes)


def test_frames_of_embedded_data_are_exact():
    assert frames_to_predict(dataset("shapes")) == 30 * 36
    assert frames_to_predict(dataset("shapes", **SPLIT)) == 0.25 * 400 * 12
    assert frames_to_predict(dataset("shapes", limit_videos=10)) == 10 * 36


def test_frames_of_real_data_follow_from_published_counts():
    assert frames_to_predict(dataset("ovis")) == pytest.approx(140 * 62.7)
    assert frames_to_predict(dataset("ytvis_2019")) == pytest.approx(0.15 * 2238 * 27.4)


def test_own_data_tells_its_length_where_it_is(tmp_path):
    places = {"annotations": "instances.json", "frames": "JPEGImages"}
    own = DatasetConfig.model_validate({"name": "own", "root": str(tmp_path), "train": places, "valid": places})
    assert frames_to_predict(own) is None
    (tmp_path / "JPEGImages").mkdir()
    videos = [{"id": 1, "file_names": ["a", "b"]}, {"id": 2, "file_names": ["c", "d", "e", "f"]}]
    (tmp_path / "instances.json").write_text(json.dumps({"videos": videos}))
    assert frames_to_predict(own) == 6
    assert frames_to_predict(own.model_copy(update={"limit_videos": 1})) == 3  # of mean length


def test_sizes_of_frames():
    plan = PredictConfig(variants={"intact": {}}, short_edge=360)
    assert predicted_size(dataset("ovis"), plan) == (360, 640)  # of 720 x 1280
    assert predicted_size(dataset("shapes"), PredictConfig(variants={"intact": {}})) == (64, 96)
    config = next(iter(smoke())).config
    edges = {"short_edges": [32, 64], "max_edge": 1333}
    drawn = config.train.augmentation.model_copy(update=edges)
    changed = config.model_copy(update={"train": config.train.model_copy(update={"augmentation": drawn})})
    assert training_pixels(changed) == (32 * 48 + 64 * 96) // 2


def test_work_grows_with_clips_frames_and_pixels():
    run = next(run for run in smoke() if run.variant == "base")
    plan = run.prediction
    # A training step is forward and twice that backward, on 4 clips of 4 frames.
    ratio = gflop_per_iteration(run.config) / gflop_per_frame(run.config, plan)
    assert ratio == pytest.approx(3 * 16)
    halved = plan.model_copy(update={"short_edge": 32})
    assert gflop_per_frame(run.config, plan) / gflop_per_frame(run.config, halved) == pytest.approx(4)
