"""The tiers of the library, read once a test session."""

from functools import cache
from pathlib import Path

from vita.experiments.run_table import RunTable

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
TIERS = ("smoke", "mini", "paper", "paper_lite")  # `released` has no row without data


@cache
def whole_paper(folder: Path) -> RunTable:
    """The tier paper with what has no number in the paper too."""
    path = folder / "whole.yaml"
    path.write_text("{extends: paper, published_only: false, experiments: null}")
    return RunTable(path, LIBRARY)


@cache
def table(tier: str) -> RunTable:
    return RunTable(LIBRARY / f"{tier}.yaml", LIBRARY)
