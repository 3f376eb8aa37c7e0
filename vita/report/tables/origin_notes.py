"""Below a table: where its weights come from, what they were trained on, and whether the tier's anchor holds."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from vita.core.dataset_config import LOCAL_SPLIT, VALID
from vita.experiments.config import ResolvedAnchor, TableSpec
from vita.report.tables.inputs import runs_of


def origin_notes(spec: TableSpec, runs: pd.DataFrame) -> Iterator[str]:
    """A sentence for each thing that there is to say."""
    used = [runs_of(row, spec.tier, runs) for row in spec.rows if row.not_run is None]
    if spec.anchor is not None:
        yield anchor_note(spec.anchor, runs)
    if used:
        yield from _weights_of_others(pd.concat(used))
    yield from dict.fromkeys(_scored_on_a_part(spec, runs))
    yield from dict.fromkeys(_trained_on_a_part(spec, runs))


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
    for row in (row for row in spec.rows if row.not_run is None and row.valid_videos is not None):
        lines = runs_of(row, spec.tier, runs)
        lines = lines[lines["ground_truth"].eq(VALID) & lines["videos"].notna()]
        for scored in (int(videos) for videos in lines["videos"].unique() if videos != row.valid_videos):
            yield f"Scored on {scored:,} videos of {row.dataset} `valid`, published with {row.valid_videos:,}."


def _trained_on_a_part(spec: TableSpec, runs: pd.DataFrame) -> Iterator[str]:
    """Where videos of `train` are scored, training saw the others only."""
    for row in (row for row in spec.rows if row.not_run is None):
        lines = runs_of(row, spec.tier, runs)
        lines = lines[lines["ground_truth"].astype(str).str.startswith(LOCAL_SPLIT) & lines["videos"].notna()]
        for scored in lines["videos"].unique():
            rest = (
                ""
                if row.train_videos is None
                else f": {row.train_videos - int(scored):,} of {row.train_videos:,} videos"
            )
            yield f"Training on {row.dataset} saw only what is not scored of `train`{rest}; the paper's saw all of it."
