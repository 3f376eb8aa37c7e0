"""What stands below a table: where its numbers and weights come from, and what they do not say."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from vita.core.dataset_config import LOCAL_SPLIT, VALID
from vita.experiments.config import ResolvedAnchor, ResolvedRow, TableSpec
from vita.report.runs.server_scores import SERVER
from vita.report.tables.external_notes import external_notes
from vita.report.tables.further_columns import meanings
from vita.report.tables.inputs import SOURCES, runs_of

SERVERS = "Rows of the ground truth `server`: scores that an evaluation server gave, in results/server/."
REPORTED = "Rows marked `reported` are the paper's numbers; nothing was run for them."
NOT_COMPARABLE = "The paper's numbers stand beside rows that are NOT comparable: other data, model or labels."
BEYOND = "Rows `beyond the paper` are of methods that its table does not have."
VERDICTS = {
    "inside the noise": "within two standard errors of 0.",
    "too few trainings": "beyond two standard errors, but so few trainings do not tell how far trainings differ.",
    "too few videos": "beyond two standard errors, but so few videos do not tell how far videos differ.",
    "one training each": "nobody knows what another would give; the interval is of the videos alone.",
    "one video": "nothing is known of others, and there is no interval.",
}
FRAMES = (
    "Max frames: of the released ResNet-50 model with windows of 6, in 12 GiB at 360 x 640, whatever the tier. "
    "Predicted: from shapes alone, not measured."
)


def captions(spec: TableSpec, frame: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """What a reader must know to read the numbers right."""
    ours = frame[frame["source"].isin(SOURCES)]
    notes = [_setting(spec, ours)] if len(ours) else []
    if spec.kind == "table" and len(ours):
        notes.append(
            "AP: mean ± standard deviation over seeds (number of seeds). Interval: 95 %, of the videos, by bootstrap; "
            "with three seeds or more, of other trainings too."
        )
    if "verdict" in frame and len(ours):
        against = ", ".join(f"{name} {cell}" for name, cell in (spec.reference or {}).items())
        notes.append(
            f"Difference: AP less that of the row with {against}, and the interval that decides: of the videos and "
            "of trainings; of the videos alone where there is one training. Only `higher` and `lower` are claims."
        )
        notes += _compared_with_others(spec)
        notes += [f"{name.capitalize()}: {means}" for name, means in VERDICTS.items() if name in set(ours["verdict"])]
        notes += [text] if (text := smallest_differences(frame)) else []
    if len(ours):
        notes += meanings(spec.scores)
    not_comparable = spec.published and len(ours) and not ours["comparable"].fillna(value=False).all()
    told: list[tuple[str, object]] = [
        (SERVERS, (ours["ground_truth"] == SERVER).any()),
        (REPORTED, (frame["source"] == "reported").any()),
        (NOT_COMPARABLE, not_comparable),
        (BEYOND, "in_paper" in frame and not frame["in_paper"].all()),
        (FRAMES, spec.max_frames and frame["max_frames"].astype(str).str.contains(r"\d").any()),
    ]
    notes += [sentence for sentence, applies in told if applies]
    notes += origin_notes(spec, runs)
    if frame["failed"].fillna(0).sum():
        notes.append("Some runs FAILED; their errors: " + "; ".join(sorted({e for e in frame["error"].dropna() if e})))
    digests = _versions(pd.concat(used)) if (used := _used(spec, runs)) else []
    if digests:
        notes.append(f"Warning: these runs come from different versions of the source: {', '.join(digests)}.")
    return notes


def _compared_with_others(spec: TableSpec) -> list[str]:
    """A sentence for each row that names cells of its own of the row that it is compared with, where both are run."""
    pairs = [(row, spec.reference_of(row)) for row in spec.rows if row.reference]
    run = [pair for pair in pairs if all(row is not None and row.not_run is None for row in pair)]
    named = [[", ".join(map(str, row.key.values())) for row in pair if row is not None] for pair in run]
    return [f"{' is compared with '.join(names)}." for names in named]


def origin_notes(spec: TableSpec, runs: pd.DataFrame) -> Iterator[str]:
    """Where the weights come from, what they were trained on, and whether the tier's anchor holds: a sentence each."""
    if spec.anchor is not None:
        yield anchor_note(spec.anchor, runs)
    if used := _used(spec, runs):
        yield from _weights_of_others(pd.concat(used))
    yield from external_notes(spec)
    yield from dict.fromkeys(_scored_on_a_part(spec, runs))
    yield from dict.fromkeys(_trained_on_a_part(spec, runs))


def _used(spec: TableSpec, runs: pd.DataFrame) -> list[pd.DataFrame]:
    """The lines of each row that is run."""
    return [runs_of(row, spec.tier, runs) for row in spec.rows if row.not_run is None]


def smallest_differences(frame: pd.DataFrame) -> str:
    """Between which sizes the rows' smallest differences lie that they could have shown; "" without comparisons."""
    compared = frame[frame["difference"].notna()] if "difference" in frame else frame[:0]
    if compared.empty:
        return ""
    sizes = compared["smallest_difference"].dropna()
    if sizes.empty:
        return "No smallest difference can be stated: no row has a spread of its own."
    low, high = (f"{size:.1f}" for size in (sizes.min(), sizes.max()))
    among = f"{low} points" if low == high else f"{low} to {high} points, by row"
    none = " Rows without a spread of their own have none." if len(sizes) < len(compared) else ""
    return f"Smallest true difference that four such experiments of five would show: {among}.{none}"


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


def anchor_note(anchor: ResolvedAnchor, runs: pd.DataFrame) -> str:
    """Whether the score that must come out did; where it did not, or is not known, in capitals."""
    lines = runs[(runs["directory"] == anchor.directory) & (runs["inference"] == anchor.inference)]
    scored = lines["AP"].dropna()
    expected = f"published {anchor.ap:g} ± {anchor.within:g}"
    if anchor.not_run is not None or scored.empty:
        why = anchor.not_run or "it has no score"
        return (
            f"ANCHOR NOT SCORED: {anchor.name}, {expected}: {why}. Whether this tier's numbers can be trusted is open."
        )
    found = float(scored.iloc[0])
    if abs(found - anchor.ap) > anchor.within:
        return (
            f"ANCHOR NOT MET: {anchor.name} scores {found:.1f} AP here, {expected}. Something is amiss with weights, "
            "data or code: do not trust this tier's numbers."
        )
    return f"Anchor: {anchor.name} scores {found:.1f} AP here, {expected}."


def _weights_of_others(used: pd.DataFrame) -> Iterator[str]:
    files = used[used["weights_from"] == "file"]
    names = dict.fromkeys(
        files["method"] + " " + files["backbone"] + " " + files["variant"] + " on " + files["dataset"]
    )
    if names:
        yield (
            f"Weights that were not trained here, but come from files of others: {', '.join(names)}. One file is one "
            "training; the `record.json` of its run says which file it is."
        )


def _scored_on_a_part(spec: TableSpec, runs: pd.DataFrame) -> Iterator[str]:
    """Where `valid` is scored and has another number of videos than the published one."""
    for row, scored in _videos_scored(spec, runs, VALID):
        if row.valid_videos not in (None, scored):
            yield f"Scored on {scored:,} videos of {row.dataset} `valid`, published with {row.valid_videos:,}."


def _trained_on_a_part(spec: TableSpec, runs: pd.DataFrame) -> Iterator[str]:
    """Where videos of `train` are scored, training saw the others only."""
    for row, scored in _videos_scored(spec, runs, f"{LOCAL_SPLIT}.*"):
        whole = row.train_videos
        rest = "" if whole is None else f": {whole - scored:,} of {whole:,} videos"
        yield f"Training on {row.dataset} saw only what is not scored of `train`{rest}; the paper's saw all of it."


def _videos_scored(spec: TableSpec, runs: pd.DataFrame, truth: str) -> Iterator[tuple[ResolvedRow, int]]:
    """Of each row that is run, the numbers of videos that it was scored on; truth: pattern of the ground truth."""
    for row in (row for row in spec.rows if row.not_run is None):
        lines = runs_of(row, spec.tier, runs)
        lines = lines[lines["ground_truth"].astype(str).str.fullmatch(truth) & lines["videos"].notna()]
        yield from ((row, int(videos)) for videos in lines["videos"].unique())
