"""Runs in folders and their rows in runs.csv, by hand, for tests of figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from written_records import training_record

from vita.core.config_base import dump
from vita.core.files import write_text
from vita.experiments.config import Kind, ResolvedRow, TableSpec
from vita.report.runs.tidy_rows import COLUMNS

SPLIT = {"annotations": "instances.json", "frames": "JPEGImages"}
DATASET = {"name": "shapes", "root": "data", "train": SPLIT, "valid": SPLIT}
TRAIN = {"iterations": 4, "clips_per_batch": 1, "clip_frames": 1, "frame_range": 1, "learning_rate": 1.0}


def row(name: str, variant: str = "base", seeds: tuple[int, ...] = (0, 1), **changes: Any) -> ResolvedRow:
    """Of VITA on shapes."""
    about = {"dataset": "shapes", "method": "vita", "backbone": "tiny", "inference": "intact", "seeds": seeds}
    return ResolvedRow.model_validate({"key": {"curve": name}, "variant": variant, **about, **changes})


def write_spec(folder: Path, rows: list[ResolvedRow], kind: Kind = "curves") -> Path:
    """The figure's spec.yaml."""
    spec = TableSpec(name="figure", item="a figure", title="t", kind=kind, tier="test", rows=tuple(rows))
    path = folder / "spec.yaml"
    write_text(path, dump(spec))
    return path


def write_run(folder: Path, root: Path, variant: str = "base", seed: int = 0, **train: Any) -> Path:
    """A run's folder with its record; `train` changes keys of its schedule."""
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    config = {
        "tier": "test",
        "dataset": {"name": "shapes", "root": str(root), **splits},
        "method": "vita",
        "backbone": "tiny",
        "variant": variant,
        "seed": seed,
        "options": {},
        "train": TRAIN | train,
    }
    run = folder / variant / f"seed{seed}"
    run.mkdir(parents=True)
    (run / "record.json").write_text(json.dumps(training_record(config, seed=seed)))
    return run


def listed(run: Path, status: str = "finished", **changes: Any) -> dict[str, Any]:
    """The run's row in runs.csv, of the inference variant `intact`."""
    names = {"tier": "test", "dataset": "shapes", "method": "vita", "backbone": "tiny", "variant": run.parent.name}
    about = {"seed": int(run.name.removeprefix("seed")), "inference": "intact", "status": status, "videos": 30}
    return {**names, **about, "directory": str(run), **changes}


def write_runs(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """runs.csv."""
    path = folder / "runs.csv"
    write_text(path, pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(index=False))
    return path
