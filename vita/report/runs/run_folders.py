"""The run of each seed of a row, also of one that failed: what figures are made from lies in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vita.core.config_base import parse
from vita.core.records import TRAINING_FILE, TrainingRecord, read_record
from vita.core.run_config import RunConfig
from vita.experiments.config import ResolvedRow
from vita.report.tables.inputs import lines_of_weights


@dataclass(frozen=True)
class SeedRun:
    """status, error: as `vita table runs` tells them. scored_videos: None where nothing was scored."""

    seed: int
    folder: Path
    status: str
    error: str
    scored_videos: int | None

    def config(self) -> RunConfig:
        """As run. Raises UserError when the record is missing or has none."""
        path = self.folder / TRAINING_FILE
        return parse(RunConfig, read_record(TrainingRecord, path).config, f"{path}: config")

    def why_missing(self, what: str) -> str:
        """A line for `what` that this run should have left and did not."""
        reason = " ".join(part for part in (self.status, self.error) if part)
        return f"seed {self.seed}: no {what} ({reason}; {self.folder})"


def runs_of_row(row: ResolvedRow, tier: str, runs: pd.DataFrame) -> list[SeedRun]:
    """By ascending seed. Empty for a row that is not run in this tier, and where none of its runs is listed."""
    chosen = lines_of_weights(row, tier, runs)
    chosen = chosen[chosen["directory"].notna()]
    of_inference = chosen[chosen["inference"] == row.inference]
    chosen = pd.concat([of_inference, chosen]).drop_duplicates("seed").sort_values("seed")
    return [_run(line) for _, line in chosen.iterrows()]


def _run(line: pd.Series) -> SeedRun:
    videos = line["videos"]
    return SeedRun(
        seed=int(line["seed"]),
        folder=Path(str(line["directory"])),
        status=_text(line["status"]),
        error=_text(line["error"]),
        scored_videos=None if pd.isna(videos) else int(videos),
    )


def _text(value: str | float | None) -> str:
    return "" if pd.isna(value) else " ".join(str(value).split())
