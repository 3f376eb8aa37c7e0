"""Scores that came back from an evaluation server: one small file each, `results/server/*.json`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, NonNegativeInt, create_model

from vita.core.config_base import Frozen, parse
from vita.core.contract import UserError
from vita.core.files import read_json
from vita.core.names import Name
from vita.evaluation.main_scores import OFFICIAL_SCORES

SERVER = "server"  # in the column `ground_truth`


Points = Annotated[float, Field(ge=0, le=100)]
if TYPE_CHECKING:
    Scores = Frozen
else:
    Scores = create_model("Scores", __base__=Frozen, **dict.fromkeys(OFFICIAL_SCORES, (Points, ...)))


class ServerScore(Frozen):
    """The content of a file: which predictions were scored, where and when."""

    tier: Name
    dataset: Name
    method: Name
    backbone: Name
    variant: Name
    inference: Name
    seed: NonNegativeInt
    scores: Scores  # the numbers of a server
    date: date
    server: str  # its address
    note: str = ""

    def scored(self) -> dict[str, Any]:
        """What identifies the predictions."""
        return self.model_dump(include={"tier", "dataset", "method", "backbone", "variant", "inference", "seed"})


def read_server_score(path: Path) -> ServerScore:
    """Raises UserError naming the file and the key."""
    score = parse(ServerScore, read_json(path), str(path))
    ap50 = score.scores.model_dump()["AP50"]
    if 0 < ap50 <= 1:
        raise UserError(f"{path}: scores are points, 0 to 100, but AP50 is {ap50}; multiply by 100")
    return score


def server_rows(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """One row of `results/all_runs.csv` for each file. Raises UserError when two are of the same predictions."""
    seen: dict[str, Path] = {}
    rows = []
    for path in paths:
        score = read_server_score(path)
        other = seen.setdefault(str(score.scored()), path)
        if other != path:
            raise UserError(f"{path}: scores the same predictions as {other}; keep one of the two")
        origin = {"status": "scored", "ground_truth": SERVER, "directory": path.as_posix()}
        rows.append(score.scored() | origin | score.scores.model_dump())
    return rows
