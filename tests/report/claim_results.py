"""Results written by hand for the ledger: tables with rows, and runs with the scores that a test gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from written_records import metrics_record

from vita.core.config_base import dump, parse
from vita.evaluation.main_scores import SCORES
from vita.experiments.config import ResolvedRow, TableSpec
from vita.report.claims.quantities import Results
from vita.report.claims.rows import ResultsTable
from vita.report.claims.schema import Claim
from vita.report.runs.tidy_rows import COLUMNS

SAME = {"dataset": "shapes", "method": "vita", "backbone": "tiny", "variant": "base"}
MODELS = pd.DataFrame(
    {
        "method": ["vita", "ifc"],
        "backbone": ["swin_l", "swin_l"],
        "parameters": [228.7e6, 210.7e6],
        "own_parameters": [13.2e6, None],
        "added_percent": [6.13, None],
    }
)

ABOUT_50 = {"kind": "about", "value": 50, "tolerance": 3, "because": "a reason of more than twenty letters"}


def claim(quantity, predicate=None, scope="numbers"):
    predicate = predicate or ABOUT_50
    raw = {"text": "Something that the paper says.", "where": "Table 6", "scope": scope}
    return parse(Claim, raw | {"quantity": quantity, "predicate": predicate}, "claim")


def row(key, inference="intact", **changes):
    return ResolvedRow(key=key, inference=inference, **{**SAME, "seeds": (0, 1, 2, 3, 4), **changes})


def line(seed, ap, inference="intact", **changes):
    """A line of runs.csv in which every score is AP; without AP, of a run that failed."""
    cells = dict.fromkeys(COLUMNS, None) | SAME | {"tier": "smoke", "seed": seed, "inference": inference}
    cells |= {"status": "finished", "ground_truth": "valid", "videos": 20, "directory": f"runs/seed{seed}"}
    return cells | dict.fromkeys(SCORES, ap) | changes


def table(rows, lines, name="table6", tier="smoke", **changes):
    spec = TableSpec(name=name, item="Table", title="Table", kind="table", tier=tier, rows=tuple(rows), **changes)
    runs = pd.DataFrame([{**one, "tier": tier} for one in lines], columns=list(COLUMNS))
    return ResultsTable(spec, runs.astype({"AP": float, "seed": int}))


def results(*tables):
    return Results({one.spec.name: one for one in tables}, MODELS, Path("models.csv"))


def write_table(folder, one):
    """The folder that `vita claims --table` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(dump(one.spec))
    one.runs.to_csv(folder / "runs.csv", index=False)
    return folder


def write_metrics(path, found):
    """found: of each video, whether its only object is found, by a prediction that is sure where it is right."""
    groups = [
        {
            "video_id": k,
            "category_id": 1,
            "ground_truth": 1,
            "scores": [0.9 if hit else 0.1],
            "outcomes": [str(hit) * 10],
        }
        for k, hit in enumerate(map(int, found))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = {"video_ids": list(range(len(groups))), "category_ids": [1], "groups": groups}
    path.write_text(json.dumps(metrics_record({}, counts)))


def pruned(tmp_path, right, seeds=1):
    """20 videos whose objects are all found; with half of the queries only those of the first `right` videos."""
    lines = []
    for seed in range(seeds):
        for name, found in (("intact", 20), ("prune50", right)):
            write_metrics(tmp_path / f"seed{seed}/metrics/{name}.json", [k < found for k in range(20)])
            lines.append(line(seed, 1.0, name, directory=str(tmp_path / f"seed{seed}")))
    return table([row({"ratio": 1.0}), row({"ratio": 0.5}, "prune50")], lines)
