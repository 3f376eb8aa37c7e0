"""A folder of results with a table, its runs and their records, by hand, for tests of the page that shows them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from figure_runs import DATASET, TRAIN
from table_scenes import HALF, Scenes, row, spec
from written_records import prediction_record, training_record

from vita.core.config_base import dump
from vita.core.run_config import RunConfig
from vita.experiments.config import TableSpec
from vita.report.pages.report import write_report
from vita.report.runs.tidy_rows import COLUMNS
from vita.report.tables.table import build_table

HISTORY = "step,total,validation_AP\n1,9.5,\n2,8.25,10\n4,7,20\n"
PLAN = {"variants": {"intact": {}}, "top_k": 10, "short_edge": None, "max_edge": 1333, "threads": 1}


def config(words: list[str], **changes: Any) -> dict[str, Any]:
    """Of the run in the folder of these names."""
    tier, _, method, backbone, variant, seed = words
    names = {"tier": tier, "method": method, "backbone": backbone, "variant": variant}
    names |= {"seed": int(seed.removeprefix("seed"))}
    given = {**names, "dataset": DATASET, "options": {}, "train": TRAIN, **changes}
    return RunConfig.model_validate(given).model_dump(mode="json")


class Results:
    """`results` below a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "results"
        self.scenes = Scenes(self.root / "runs")

    def scored(self, inference: str, seed: int, found: list[bool] = HALF, **changes: Any) -> dict[str, Any]:
        """A finished run with its records and history; its row of runs.csv."""
        line = self.scenes.run(inference, seed, found, **changes)
        folder = Path(line["directory"])
        self.configured(folder)
        trained = training_record(config(list(folder.parts[-6:])), seed=seed, train_time_s=90.0)
        (folder / "record.json").write_text(json.dumps(trained))
        (folder / "predict_record.json").write_text(json.dumps(prediction_record(PLAN)))
        (folder / "history.csv").write_text(HISTORY)
        return line

    def failed(self, seed: int, error: str, **changes: Any) -> dict[str, Any]:
        """A run whose training ended in an error; its row of runs.csv."""
        line = self.scenes.unscored("intact", seed, "failed", error=error, **changes)
        folder = (
            self.root / "runs" / "/".join(line[name] for name in ("tier", "dataset", "method", "backbone", "variant"))
        )
        folder = self.configured(folder / f"seed{seed}")
        (folder / "work").mkdir()
        told = training_record(config(list(folder.parts[-6:])), status="failed", error=error)
        (folder / "work" / "record.json").write_text(json.dumps(told))
        return line | {"directory": folder.as_posix()}

    def configured(self, folder: Path) -> Path:
        """A run that was never begun."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(dump(RunConfig.model_validate(config(list(folder.parts[-6:])))))
        return folder

    def table(self, lines: list[dict[str, Any]], table: TableSpec) -> Path:
        """Build a table as the workflow does."""
        folder = self.root / "tables" / table.tier / table.name
        folder.mkdir(parents=True)
        (folder / "spec.yaml").write_text(dump(table))
        with (folder / "runs.csv").open("w", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS)
            writer.writeheader()
            writer.writerows(lines)
        out = self.root / f"{table.name}.csv"
        build_table(folder / "spec.yaml", folder / "runs.csv", out)
        return out

    def pruning(self) -> Path:
        """Table 6 of two rows, two seeds each, and one whose only seed failed."""
        lines = [self.scored(name, seed) for name in ("intact", "prune50") for seed in (0, 1)]
        lines += [self.failed(0, "UserError: <nan> | loss", variant="broken")]
        rows = [row({"ratio": 1.0}), row({"ratio": 0.5}, "prune50"), row({"ratio": 0.25}, variant="broken", seeds=(0,))]
        return self.table(lines, spec(*rows, reference={"ratio": 1.0}))

    def page(self) -> tuple[str, list[str]]:
        """The page and the problems that are told."""
        out = self.root.parent / "report.html"
        problems = write_report(self.root, out)
        return out.read_text(encoding="utf-8"), problems
