"""Runs scored on videos of one object each, found or not: their metrics files and rows of runs.csv, by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from written_records import metrics_record

from vita.core.config_base import dump
from vita.evaluation.main_scores import SCORES
from vita.experiments.config import Key, ResolvedRow, TableSpec
from vita.report.runs.tidy_rows import COLUMNS
from vita.report.tables.table import build_table

ALL = [True] * 10
HALF = [True] * 5 + [False] * 5
IDENTITY = {"tier": "smoke", "dataset": "shapes", "method": "vita", "backbone": "tiny", "variant": "base"}


def average_precision(found: Sequence[bool]) -> float:
    """In points: precision is 1 at the recall levels 0, 0.01, ... up to the share that is found, then 0."""
    share = sum(found) / len(found)
    return 100 * (int(100 * share + 1e-9) + 1) / 101 if share else 0.0


def counts(found: Sequence[bool]) -> dict[str, Any]:
    """Of one category with an object in every video; what is found has one detection, right at every threshold."""
    groups = [
        {"video_id": video, "category_id": 1, "ground_truth": 1}
        | ({"scores": [0.9], "outcomes": ["1" * 10]} if right else {"scores": [], "outcomes": []})
        for video, right in enumerate(found, start=1)
    ]
    return {"video_ids": list(range(1, len(found) + 1)), "category_ids": [1], "groups": groups}


class Scenes:
    """A folder of runs and the tables made from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, inference: str, seed: int, found: Sequence[bool], **changes: Any) -> dict[str, Any]:
        """Write a run's metrics file; give its row of runs.csv."""
        names = IDENTITY | {name: value for name, value in changes.items() if name in IDENTITY}
        place = self.folder / "/".join(names.values()) / f"seed{seed}"
        (place / "metrics").mkdir(parents=True, exist_ok=True)
        points = average_precision(found)
        scores = dict.fromkeys(("ap", "ap50", "ap75", "ar1", "ar10"), points / 100)
        content = metrics_record(scores, counts(found), len(found))
        (place / "metrics" / f"{inference}.json").write_text(json.dumps(content))
        row = self.unscored(inference, seed, "finished", **changes)
        return row | dict.fromkeys(SCORES, points) | {"directory": str(place), "videos": len(found)} | changes

    def unscored(self, inference: str, seed: int, status: str, **changes: Any) -> dict[str, Any]:
        """A row of runs.csv without scores."""
        row = dict.fromkeys(COLUMNS, "") | IDENTITY | {"seed": seed, "inference": inference, "status": status}
        return row | {"ground_truth": "valid", "source_digest": "aaa", "directory": f"runs/seed{seed}"} | changes

    def build(
        self, spec: TableSpec, rows: list[dict[str, Any]], probes: Sequence[Path] = ()
    ) -> tuple[list[dict[str, str]], str]:
        """The rows of the CSV and the printed text."""
        (self.folder / "spec.yaml").write_text(dump(spec))
        with (self.folder / "runs.csv").open("w", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        printed = build_table(self.folder / "spec.yaml", self.folder / "runs.csv", self.folder / "out.csv", probes)
        with (self.folder / "out.csv").open() as handle:
            return list(csv.DictReader(handle)), printed


def row(key: Key, inference: str = "intact", **changes: Any) -> ResolvedRow:
    """Of VITA's base training, seeds 0 and 1."""
    names = {name: value for name, value in IDENTITY.items() if name != "tier"}
    return ResolvedRow.model_validate({"key": key, "inference": inference, "seeds": (0, 1), **names, **changes})


def spec(*rows: ResolvedRow, **changes: Any) -> TableSpec:
    """Table 6, unless `changes` say otherwise."""
    about = {"name": "table6", "item": "Table 6", "title": "Pruning", "kind": "table", "tier": "smoke", "rows": rows}
    return TableSpec.model_validate({**about, "published": "table6_prune_ratio.csv", **changes})


def side_by_side(scenes: Scenes) -> tuple[TableSpec, list[dict[str, Any]]]:
    """Table 1 with two rows of ours that the paper has, one that it lacks, a method of somebody else's, one not run."""
    rows = [
        row({"method": "VITA", "backbone": "ResNet-50"}),
        row({"method": "IFC", "backbone": "ResNet-50"}, method="ifc"),
        row({"method": "IFC", "backbone": "Swin-L"}, not_run="not run in this tier"),
        row({"method": "50% & more_", "backbone": "ResNet-50"}, method="mine"),
    ]
    table = spec(*rows, title="Side by side", published="table1.csv", reported=True)
    runs = [scenes.run("intact", seed, HALF, method=method) for method in ("vita", "ifc", "mine") for seed in (0, 1)]
    return table, runs
