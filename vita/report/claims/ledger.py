"""The verdict on every claim, from the results in force.

An interval wholly inside what the claim says is "reproduced", one wholly outside "not reproduced", one that spans the
threshold "inconclusive". A prediction decides nothing: the claim stands as "predicted", and the reason says where it
lies. The other verdicts say why a claim cannot be held against these results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vita.core.contract import UserError
from vita.core.csv_table import read_csv
from vita.report.claims.measurement import Measurement
from vita.report.claims.quantities import Results, measure
from vita.report.claims.rows import PAPER, CannotTellError, read_tables
from vita.report.claims.schema import Claim, Predicate, read_claims
from vita.report.runs.probe_records import read_probes

Decided = Literal["reproduced", "not reproduced", "inconclusive"]
Verdict = Decided | Literal["not run", "not comparable", "predicted"]
VERDICTS: tuple[Verdict, ...] = (
    "reproduced", "not reproduced", "inconclusive", "not run", "not comparable", "predicted"
)  # fmt: skip
MODEL_COLUMNS = ("method", "backbone", "parameters", "own_parameters", "added_percent")
PREDICTION: dict[Decided, str] = {
    "reproduced": "the prediction lies wholly inside what the claim says",
    "not reproduced": "the prediction lies wholly outside what the claim says",
    "inconclusive": "the prediction spans a threshold",
}


@dataclass(frozen=True)
class Entry:
    """A claim and its verdict. shown: of what is known, the part that decides; None where nothing is."""

    id: str
    claim: Claim
    tier: str
    verdict: Verdict
    reason: str
    shown: Measurement | None = None
    evidence: tuple[str, ...] = ()


def build_entries(folders: Sequence[Path], models: Path, probes: Sequence[Path] = ()) -> list[Entry]:
    """Every claim in the order of its file. folders: of tables; models: what `vita models` wrote; probes: records.

    Raises UserError naming a file, table or column that is missing.
    """
    writer, numbers = f"vita models --out {models}", dict.fromkeys(MODEL_COLUMNS[2:], float)
    cards = read_csv(models, "table of models", writer, MODEL_COLUMNS, numbers)
    results = Results(read_tables(folders), cards, models, read_probes(probes))
    return [judge(name, claim, results) for name, claim in read_claims().items()]


def judge(name: str, claim: Claim, results: Results) -> Entry:
    """One claim against the results. Raises UserError when it asks for a column that there is not."""
    tier = next((table.spec.tier for table in results.tables.values()), "")
    try:
        parts = measure(claim.quantity, results, claim.scope)
    except CannotTellError as error:
        return Entry(name, claim, tier, error.verdict, str(error))
    except UserError as error:
        raise UserError(f"claim '{name}': {error}") from None
    verdicts = [decide(part, claim.predicate) for part in parts]
    verdict = together(verdicts)
    shown = parts[verdicts.index(verdict)]
    evidence = tuple(dict.fromkeys(path for part in parts for path in part.evidence))
    reason = _reason(claim, tier, shown, verdicts)
    if any(part.predicted for part in parts):
        return Entry(name, claim, tier, "predicted", f"{reason}; {PREDICTION[verdict]}", shown, evidence)
    return Entry(name, claim, tier, verdict, reason, shown, evidence)


def decide(found: Measurement, predicate: Predicate) -> Decided:
    """Where the interval lies to the range that the claim gives."""
    low, high = predicate.bounds
    to_low, to_high = found.side(low), found.side(high)
    if to_low == "below" or to_high == "above":
        return "not reproduced"
    return "reproduced" if to_low == "above" and to_high == "below" else "inconclusive"


def together(verdicts: Sequence[Decided]) -> Decided:
    """Of parts that all have to hold: one that does not is enough, and all must be decided."""
    return max(verdicts, key=("reproduced", "inconclusive", "not reproduced").index)


def _reason(claim: Claim, tier: str, shown: Measurement, verdicts: Sequence[Decided]) -> str:
    several = f"{verdicts.count('reproduced')} of {len(verdicts)} hold; shown: {shown.of}"
    parts = [several if len(verdicts) > 1 else "", shown.basis]
    if claim.scope == "trend" and tier != PAPER and shown.dataset:
        parts.append(f"the trend on {shown.dataset} in tier {tier}, not the paper's number")
    return "; ".join(part for part in parts if part)
