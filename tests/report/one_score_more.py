"""Run by test_one_score_more.py on a copy of the package with one score more: evaluation, tidy rows, table, claims."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from evaluation_scenes import annotation, codes, ground_truth, prediction, strip, video
from figure_runs import DATASET
from table_scenes import row, spec
from written_records import training_record

from vita.core.config_base import dump
from vita.core.records import write_record
from vita.core.run_config import PredictConfig
from vita.evaluation.evaluate_file import EvaluationOptions, evaluate_file
from vita.report.claims.schema import ScoreOfRow
from vita.report.runs.tidy_rows import collect_runs
from vita.report.tables.evaluation_text import evaluation_text
from vita.report.tables.table import build_table


def main(folder: Path) -> None:
    """Two videos of one object each; of the second, 7 of 8 columns are found."""
    videos = [video(n, height=1, width=8, length=1) for n in (1, 2)]
    objects = [annotation(n, codes([strip(8, 8)]), video_id=n) for n in (1, 2)]
    found = [prediction(codes([strip(8, 8 - n)]), score=0.9 - n / 10, video_id=1 + n) for n in (0, 1)]
    (folder / "truth.json").write_text(json.dumps(ground_truth(objects, videos)))
    (folder / "found.json").write_text(json.dumps(found))
    report = evaluate_file(
        EvaluationOptions(draws=20, seed=0), folder / "truth.json", folder / "found.json", None, None
    )
    sys.stdout.write(evaluation_text(report) + "\n\n")

    run = folder / "seed0"
    write_record(run / "metrics" / "intact.json", report.record())
    names = {"tier": "smoke", "method": "vita", "backbone": "tiny", "variant": "base", "seed": 0}
    (run / "record.json").write_text(json.dumps(training_record(names | {"dataset": DATASET})))
    (run / "inference.yaml").write_text(dump(PredictConfig(variants={"intact": {}})))
    collect_runs([run], folder / "runs.csv")
    (folder / "spec.yaml").write_text(dump(spec(row({"ratio": 1.0}, seeds=(0,)))))
    sys.stdout.write(build_table(folder / "spec.yaml", folder / "runs.csv", folder / "table.csv") + "\n")
    ScoreOfRow.model_validate({"kind": "score", "table": "table6", "row": {"ratio": 1.0}, "score": "AP90"})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
