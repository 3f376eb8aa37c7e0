"""The tiers of the library, read once a test session."""

from functools import cache
from pathlib import Path

from vita.experiments.run_table import RunTable

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
TIERS = ("smoke", "mini", "paper")


@cache
def table(tier: str) -> RunTable:
    return RunTable(LIBRARY / f"{tier}.yaml", LIBRARY)
