"""The run table: every training run of a tier and what is asked of its weights, known before anything runs.

run = tier x data set x method x backbone x training variant x seed. Experiments are written once, in the paper's names;
each tier says what stands in for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vita.contract import UserError
from vita.experiments.resolve import DATA, RUNS, Resolver, Run
from vita.experiments.sections import ExperimentConfig, ResolvedRow, Row, Selection, TableSpec, overlay

__all__ = ["DATA", "RUNS", "Run", "RunTable"]


class RunTable:
    """All runs and tables of one tier. Raises UserError naming the file and key of anything unknown."""

    def __init__(self, tier_file: Path, library: Path) -> None:
        self._resolver = Resolver(tier_file, library)
        self.tier = self._resolver.tier
        images = [mixed_in.dataset for mixed_in in self._resolver.pseudo_videos.values()]
        self.datasets = {dataset.name: dataset for dataset in (*self._resolver.datasets.values(), *images)}
        self._runs: dict[str, Run] = {}  # by directory; what a run starts from comes before it
        self.specs: dict[str, TableSpec] = {}
        self._evaluations: dict[str, list[tuple[str, str]]] = {}
        for name, experiment in self._resolver.experiments.items():
            self._add_experiment(name, experiment)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    def __len__(self) -> int:
        return len(self._runs)

    def find(self, directory: str) -> Run:
        """The run whose files lie in `directory`."""
        return self._runs[directory]

    def evaluated(self) -> list[tuple[Run, str]]:
        """Every (run, inference variant) of the tier."""
        return [(run, inference) for run in self for inference in run.inference]

    def evaluations(self, experiment: str) -> list[tuple[Run, str]]:
        """Every (run, inference variant) that one table needs, each once."""
        return [(self.find(directory), inference) for directory, inference in self._evaluations[experiment]]

    def _add_experiment(self, name: str, experiment: ExperimentConfig) -> None:
        rows = [(row, names) for row in experiment.rows if (names := self._names(row, experiment.select))]
        if not rows:
            raise UserError(
                f"experiment '{name}': the tier '{self.tier.tier}' has a stand-in for none of its backbones"
            )
        self._evaluations[name] = []
        for row, names in rows:
            for seed in self.tier.seeds:
                self._ask(name, names, row.inference, seed)
        self.specs[name] = TableSpec(
            name=name,
            title=experiment.title,
            tier=self.tier.tier,
            key=experiment.key,
            rows=tuple(self._resolved(row, names) for row, names in rows),
            published=experiment.published,
        )

    def _names(self, row: Row, select: Selection) -> Selection | None:
        """The weights that `row` is about; None when the tier has nothing in the place of its backbone."""
        changed = row.model_dump(exclude={"key", "inference"}, exclude_none=True)
        names = select.model_copy(update=changed)
        return names if names.backbone in self.tier.backbones else None

    def _ask(self, experiment: str, names: Selection, inference: str, seed: int) -> None:
        """Enter the run that `names` and `seed` select, and what it starts from; ask it for one more prediction."""
        self._enter(self._resolver.run(names, seed))
        run = self._runs[self._resolver.run(names, seed).directory]
        options = self._resolver.inference(names.method, inference)
        variants = overlay(run.inference, {inference: options})
        prediction = self._resolver.prediction(names.dataset, variants)
        self._runs[run.directory] = replace(run, inference=variants, prediction=prediction)
        if (run.directory, inference) not in self._evaluations[experiment]:
            self._evaluations[experiment].append((run.directory, inference))

    def _enter(self, run: Run) -> None:
        if run.starts_from:
            self._enter(run.starts_from)
        known = self._runs.setdefault(run.directory, run)
        if known.config != run.config:
            raise UserError(f"tier '{self.tier.tier}': two different configurations of one run, {run.directory}")

    def _resolved(self, row: Row, names: Selection) -> ResolvedRow:
        run = self._resolver.run(names, self.tier.seeds[0])
        as_paper = run.dataset == names.dataset and run.backbone == names.backbone
        return ResolvedRow(
            key=row.key,
            dataset=run.dataset,
            method=run.method,
            backbone=run.backbone,
            variant=run.variant,
            inference=row.inference,
            as_paper=self.tier.tier == "paper" and as_paper,
            valid_videos=run.config.dataset.valid.videos,
        )
