"""What stands below a table: where its numbers come from, and what they do not say."""

from __future__ import annotations

import pandas as pd

from vita.experiments.config import TableSpec
from vita.report.runs.server_scores import SERVER
from vita.report.tables.inputs import runs_of

SERVERS = "Rows of the ground truth `server`: scores that an evaluation server gave, in results/server/."
REPORTED = "Rows marked `reported` are the paper's numbers; nothing was run for them."
NOT_COMPARABLE = "The paper's numbers stand beside rows that are NOT comparable: other data, model or labels."
FRAMES = (
    "Max frames: of the released ResNet-50 model with windows of 6, in 12 GiB at 360 x 640, whatever the tier. "
    "Predicted: from shapes alone, not measured."
)


def captions(spec: TableSpec, frame: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """What a reader must know to read the numbers right."""
    ours = frame[frame["source"] == "ours"]
    notes = [_setting(spec, ours)] if len(ours) else []
    if spec.kind == "table" and len(ours):
        notes.append(
            "AP: mean ± standard deviation over seeds (number of seeds). Interval: 95 %, by bootstrap over the videos; "
            "with three seeds or more, over the seeds too."
        )
    if "verdict" in frame and len(ours):
        against = ", ".join(f"{name} {cell}" for name, cell in (spec.reference or {}).items())
        notes.append(
            f"Difference: AP less that of the row with {against}, on the same draws of the videos. Inside the noise: "
            "the interval holds 0, or so few seeds do not carry it; no difference is claimed."
        )
    not_comparable = spec.published and len(ours) and not ours["comparable"].fillna(value=False).all()
    told: list[tuple[str, object]] = [
        (SERVERS, (ours["ground_truth"] == SERVER).any()),
        (REPORTED, (frame["source"] == "reported").any()),
        (NOT_COMPARABLE, not_comparable),
        (FRAMES, spec.max_frames),
    ]
    notes += [sentence for sentence, applies in told if applies]
    if frame["failed"].fillna(0).sum():
        notes.append("Some runs FAILED; their errors: " + "; ".join(sorted({e for e in frame["error"].dropna() if e})))
    used = [runs_of(row, spec.tier, runs) for row in spec.rows if row.not_run is None]
    digests = _versions(pd.concat(used)) if used else []
    if digests:
        notes.append(f"Warning: these runs come from different versions of the source: {', '.join(digests)}.")
    return notes


def _setting(spec: TableSpec, ours: pd.DataFrame) -> str:
    data, truth = (", ".join(dict.fromkeys(ours[name])) for name in ("dataset", "ground_truth"))
    seeds = sorted(set(ours["n_seeds"]))
    counts = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    over = "one seed" if seeds == [1] else f"means over {counts} seeds"
    models = ", ".join(dict.fromkeys(row.backbone for row in spec.rows if row.not_run is None))
    where = f"Tier {spec.tier}, data set {data}, backbone {models}"
    return f"{where}; {over}, points 0-100. Ground truth: {truth}."


def _versions(runs: pd.DataFrame) -> list[str]:
    """Digests of the source, if runs differ in that of the harness or, within a method, in that of the method."""
    digests = runs["source_digest"].dropna().astype(str)
    harness = digests.str.partition("+")[0]
    differ = harness.nunique() > 1 or (digests.groupby(runs["method"]).nunique() > 1).any()
    return sorted(digests.unique()) if differ else []
