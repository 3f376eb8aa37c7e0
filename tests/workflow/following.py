"""From a cell of a table to the runs that it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

import pytest

from vita.evaluation.main_scores import SCORES

OF_A_RUN = ("config", "config_digest", "seed", "versions", "source_digest", "device", "weights_sha256")


def follow(line: dict[str, str], score: str, root: Path) -> None:
    """The cell is the mean of its metrics files, and beside each lies the record of a finished run."""
    assert score in SCORES
    files = [root / path for path in line["evidence"].split()]
    assert len(files) == int(line["n_seeds"]) > 0
    fractions = [json.loads(file.read_text())["scores"][score.lower()] for file in files]
    assert float(line[score]) == pytest.approx(100 * mean(fractions), abs=1e-3)
    records = [json.loads((file.parents[1] / "record.json").read_text()) for file in files]
    assert all(record["status"] == "finished" for record in records)
    assert all(record[key] not in (None, "", {}) for record in records for key in OF_A_RUN)
    assert len({record["seed"] for record in records}) == len(records)
    assert {record["config"]["dataset"]["name"] for record in records} == {line["dataset"]}
