"""Costs, records and tiny tiers by hand, for tests of plans."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from written_records import prediction_record, training_record

from vita.core.config_base import digest
from vita.experiments.planning.costs import UNKNOWN, Cost
from vita.experiments.planning.estimate import Estimator
from vita.experiments.planning.plan import Line, Plan, Planner
from vita.experiments.run_table import Run, RunTable

LIBRARY = Path(__file__).parents[3] / "workflow" / "config"

# VITA on smoke: an iteration takes half a second, a frame under 15 inference variants 20 ms, scoring a frame 1 ms.
BASE = Cost(
    tier="smoke",
    method="vita",
    backbone="tiny",
    variant="base",
    device="cpu",
    clips_per_batch=4,
    clip_frames=4,
    train_pixels=64 * 96,
    inference_variants=15,
    predict_pixels=64 * 96,
    seconds_per_iteration=0.5,
    seconds_per_frame=0.02,
    seconds_per_scored_frame=0.001,
    gflop_per_iteration=3.0,
    gflop_per_frame=0.1,
    weights_bytes=3000.0,
    bytes_per_frame=10.0,
    source="measured before",
)
NOT_PREDICTED = {name: UNKNOWN for name in ("seconds_per_frame", "seconds_per_scored_frame", "bytes_per_frame")}
IMAGES = replace(
    BASE,
    variant="pretrain",
    clips_per_batch=16,
    clip_frames=1,
    inference_variants=0,
    predict_pixels=0,
    seconds_per_iteration=0.25,
    gflop_per_iteration=3.5,
    gflop_per_frame=UNKNOWN,
    **NOT_PREDICTED,
)


def smoke() -> RunTable:
    """The runs of the smoke tier."""
    return RunTable(LIBRARY / "smoke.yaml", LIBRARY)


def planned(costs: Sequence[Cost], root: Path, experiments: Sequence[str] = (), table: RunTable | None = None) -> Plan:
    """A plan of the smoke tier from these costs, whose work is known already."""
    return Planner(table or smoke(), Estimator(costs), root).plan(experiments)


def lines_of(plan: Plan, stage: str, variant: str = "base", method: str = "vita") -> list[Line]:
    """Of one stage of one training variant."""
    return [line for line in plan.lines if (line.stage, line.method, line.variant) == (stage, method, variant)]


def train_record(run: Run, **changes: Any) -> dict[str, Any]:
    """Of a finished training of 90 seconds."""
    about = {"config": run.config.model_dump(mode="json"), "config_digest": digest(run.config)}
    return training_record(**about | {"iterations": 900, "train_time_s": 90.0} | changes)


def predict_record(run: Run, **changes: Any) -> dict[str, Any]:
    """Of finished predictions of 500 frames in 5 seconds."""
    plan = run.prediction
    assert plan is not None
    about = {"plan": plan.model_dump(mode="json"), "config_digest": digest(plan)}
    return prediction_record(**about | {"frames": 500, "predict_time_s": 5.0} | changes)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """As JSON, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def finish(run: Run, root: Path) -> Path:
    """All files that tell that a run and its scores are there; its folder."""
    folder = root / run.directory
    write_record(folder / "record.json", train_record(run))
    (folder / "model.safetensors").write_bytes(b"w" * 4000)
    if run.prediction is not None:
        write_record(folder / "predict_record.json", predict_record(run))
        for name in run.inference:
            write_record(folder / "metrics" / f"{name}.json", {})
    return folder
