"""What the workflow can be asked for by a plain name, and the words by which Snakemake is asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vita.core.contract import UserError
from vita.experiments.config import ExperimentConfig, Kind

ALL = "all"
REPORT, PROVENANCE = (
    "report",
    "provenance",
)  # of what is there: they make nothing; the former is no affair of Snakemake's
OTHERS = {"claims": "results/claims.csv", "models": "results/models.csv", "runs": "results/all_runs.csv"}
FILES: dict[Kind, str] = {
    "table": "results/{name}.csv",
    "frames": "results/{name}.csv",
    "curves": "results/{name}.pdf",
    "qualitative": "results/{name}/{name}.pdf",
}


def snakemake_targets(targets: Sequence[str], experiments: Mapping[str, ExperimentConfig], tier: str) -> list[str]:
    """Words of Snakemake for these names, and for files, which have a `/`, as they are.

    Raises UserError on a name that the tier does not have, and where something is asked for beside a report.
    """
    for alone in (REPORT, PROVENANCE):
        if alone in targets and len(targets) > 1:
            raise UserError(f"{alone} shows what is there, and is asked for alone; ask for the others before")
    if PROVENANCE in targets:
        return ["reported", "--report", f"{PROVENANCE}.html"]
    names = {name: FILES[one.kind].format(name=name) for name, one in experiments.items()} | OTHERS | {ALL: ALL}
    for target in targets:
        if target not in names and "/" not in target:
            known = ", ".join([*names, REPORT, PROVENANCE])
            raise UserError(f"no target '{target}' in the tier '{tier}'; allowed: {known}, or a file in results/")
    return [names.get(target, target) for target in targets]
