"""A plan with one inference variant more predicts that one alone; whatever else changes predicts all anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_run import PLAN, plan

from vita.core.run_config import PredictConfig, RunConfig
from vita.engine import predict_run as module
from vita.engine.finished import ASKED_AT
from vita.engine.predict_run import predict_run

MORE = {"less": {"prune_ratio": 0.25}}


class Workflow:
    """A run's folder, in which a workflow deletes the outputs before it predicts."""

    def __init__(self, config: RunConfig, finished: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.config, self.folder, self.asked = config, folder, list[list[str]]()
        shutil.copy(finished / "model.safetensors", folder)
        patch.setenv(ASKED_AT, "2026-01-01T00:00:00+00:00")
        write = module.write_predictions

        def noted(model: Any, split: Any, plan: Any, *others: Any) -> Any:
            self.asked[-1] = plan.names
            return write(model, split, plan, *others)

        patch.setattr(module, "write_predictions", noted)

    def predict(self, variants: dict[str, Any], **changed: Any) -> list[str]:
        """The variants that are predicted."""
        shutil.rmtree(self.folder / "predictions", ignore_errors=True)
        (self.folder / "frame_detector.json").unlink(missing_ok=True)
        self.asked.append([])
        asked = PredictConfig.model_validate(plan().model_dump() | {"variants": variants} | changed)
        predict_run(self.config, asked, [], self.folder / "model.safetensors", self.folder / "predictions", self.folder)
        found = {path.stem for path in (self.folder / "predictions").iterdir()}
        assert found == set(variants)
        assert json.loads((self.folder / "frame_detector.json").read_text())
        record = json.loads((self.folder / "predict_record.json").read_text())
        assert sorted(record["taken_over"]) == sorted(found - set(self.asked[-1]))
        assert record["frames"] == 12
        return self.asked[-1]

    def written(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "predictions").iterdir()}


@pytest.fixture
def workflow(config: RunConfig, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    return Workflow(config, finished, tmp_path, monkeypatch)


def test_only_what_is_new_is_predicted(workflow: Workflow) -> None:
    both = dict(PLAN["variants"])
    assert workflow.predict(both) == ["intact", "half"]
    assert workflow.predict(both | MORE) == ["less"]
    together = workflow.written()
    assert workflow.predict(both | MORE) == ["intact", "half", "less"], "who asks for the same wants it anew"
    assert workflow.written() == together
    assert workflow.predict(both) == [], "less is not asked for any more"
    assert workflow.predict(both | {"half": {"prune_ratio": 0.75}}) == ["half"], "its options changed"


def test_a_variant_through_a_wrapper_keeps_the_frame_detector_s_file(workflow: Workflow) -> None:
    workflow.predict({"intact": {}})
    detections = (workflow.folder / "frame_detector.json").read_bytes()
    clips = {"through": "clip_association", "clip_frames": 3, "matching": "greedy"}
    assert workflow.predict({"intact": {}, "clips": clips}) == ["clips"]
    assert (workflow.folder / "frame_detector.json").read_bytes() == detections


@pytest.mark.parametrize("damage", ["weights", "settings", "kept", "index", "outside"])
def test_what_does_not_fit_is_predicted_anew(
    workflow: Workflow, damage: str, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.predict({"intact": {}})
    place, changed = workflow.folder / "work" / "predicted", dict[str, Any]()
    if damage == "weights":
        from safetensors.torch import load_file

        from vita.engine.checkpoint import save_weights

        tensors = {name: tensor * 1.01 for name, tensor in load_file(finished / "model.safetensors").items()}
        save_weights(tensors, workflow.folder / "model.safetensors")
    elif damage == "settings":
        changed = {"top_k": 2}
    elif damage == "kept":
        (place / "intact.json").write_text("[")
    elif damage == "index":
        (place / "index.json").write_text('{"identity": 3')
    else:
        shutil.rmtree(place)
    assert workflow.predict({"intact": {}} | MORE, **changed) == ["intact", "less"]


def test_without_a_workflow_nothing_is_kept(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ASKED_AT)
    workflow.predict({"intact": {}})
    assert not (workflow.folder / "work").exists()
