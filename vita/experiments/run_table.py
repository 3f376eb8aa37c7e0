"""The run table: every training run of a tier and what is asked of its weights, known before anything runs.

run = tier x data set x method x backbone x training variant x seed. Experiments are written once, in the paper's names;
each tier says what stands in for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vita.core.contract import UserError
from vita.core.further_scores import LENGTHS
from vita.core.records import ImportRecord
from vita.core.settings import overlay
from vita.data.dataset import find_files
from vita.experiments.config import ExperimentConfig, ResolvedAnchor, ResolvedRow, Row, Selection, TableSpec
from vita.experiments.external import ExternalRun
from vita.experiments.external_rows import Externals, check_asked, check_distinct
from vita.experiments.paper_numbers import has_number, published_file
from vita.experiments.probes import Key, Probe, resolve_probes
from vita.experiments.reading import pick
from vita.experiments.resolve import DATA, RUNS, Resolver, Run

__all__ = ["DATA", "RUNS", "Run", "RunTable"]

NOT_IN_TIER = "not run in this tier"
NOT_OFFERED = "not offered by this method"
NO_NUMBER = "no number in the paper"  # `published_only: false` asks for it all the same
NO_LABELS = "no labels of `valid` here"
NO_WEIGHTS = "no weights of others"  # and the tier trains nothing
SEEN_IN_TRAINING = "these weights saw the split's videos"  # released ones saw all of `train`
PAPER_TIERS = ("paper", "paper_lite", "released")  # whose runs are the paper's model on the paper's data


class RunTable:
    """All runs and tables of a tier, or of its rehearsal. Raises UserError naming the file and key of a wrong name.

    imports: external results, which stand in the tables of their data sets.
    """

    def __init__(
        self, tier_file: Path, library: Path, rehearse: int | None = None, imports: Sequence[ImportRecord] = ()
    ) -> None:
        self._resolver = Resolver(tier_file, library, rehearse)
        self.tier, self.experiments = self._resolver.tier, self._resolver.experiments
        images = [mixed_in.dataset for mixed_in in self._resolver.pseudo_videos.values()]
        self.datasets = {dataset.name: dataset for dataset in (*self._resolver.datasets.values(), *images)}
        self._runs: dict[str, Run] = {}  # by directory; what a run starts from comes before it
        self.specs: dict[str, TableSpec] = {}
        self.probes: dict[str, list[Probe]] = {}  # by experiment
        self._evaluations: dict[str, list[tuple[str, str]]] = {}
        titles = {name: method.title for name, method in self._resolver.methods.items()}
        self._imports = Externals(imports, self.tier.tier, self._resolver.datasets, titles)
        self._externals: dict[str, list[ExternalRun]] = {}  # by experiment
        self._labelled: dict[str, bool] = {}  # by the paper's name of a data set
        for name, experiment in self.experiments.items():
            if experiment.probes is not None:
                self.probes[name] = list(resolve_probes(experiment.probes, self.tier.measured_probes))
                self._evaluations[name] = []
            else:
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

    def further_scores(self, run: Run | ExternalRun, inference: str) -> list[str]:
        """The scores beyond the main ones that tables ask of one evaluation, each once."""
        asking = [
            spec
            for name, spec in self.specs.items()
            if (run.directory, inference) in self._evaluations[name] or run in self._externals[name]
        ]
        return list(dict.fromkeys(score for spec in asking for score in spec.scores))

    def externals(self, experiment: str | None = None) -> list[ExternalRun]:
        """Every external result and seed that one table needs, or all of them together, each once."""
        found = self._externals.values() if experiment is None else [self._externals.get(experiment, [])]
        return list({run.directory: run for runs in found for run in runs}.values())

    def _add_experiment(self, name: str, experiment: ExperimentConfig) -> None:
        check_asked(name, experiment)
        self._evaluations[name] = []
        if experiment.published is not None:
            published_file(experiment.published, f"experiment '{name}': ")
        rows = [self._enter_row(name, row, names) for row, names in self._rows(experiment)]
        rows += self._imports.beside(experiment, rows) if experiment.external else []
        check_distinct(name, rows)
        self._externals[name] = [run for row in rows for run in self._imports.runs(row)]
        scores = tuple(dict.fromkeys((*experiment.scores, *self.tier.scores.get(name, ()))))
        self._check_scores(name, scores)
        self.specs[name] = TableSpec(
            name=name,
            tier=self.tier.tier,
            rows=tuple(rows),
            anchor=self._anchor(name),
            scores=scores,
            **experiment.model_dump(
                include={"item", "title", "kind", "caption", "reference", "published", "reported", "max_frames"}
            ),
        )
        self._check_references(self.specs[name])

    def _rows(self, experiment: ExperimentConfig) -> Iterator[tuple[Row, Selection]]:
        """Every row with what it selects; with `each_method`, the rows of one method after those of another."""
        shared = [row for row in experiment.rows if experiment.each_method and row.method is None]
        rows = [
            row.model_copy(update={"method": name, "key": {"method": method.title, **row.key}})
            for name, method in self._resolver.methods.items()
            if not method.by_name_only
            for row in shared
        ]
        # Rows that name their method follow, where the tier has it.
        named = [row for row in experiment.rows if row not in shared]
        if experiment.each_method:
            named = [row for row in named if row.method in self._resolver.methods]
        for row in [*rows, *named]:
            changed = row.model_dump(include=set(Selection.model_fields), exclude_none=True)
            yield row, experiment.select.model_copy(update=changed)

    def _enter_row(self, experiment: str, row: Row, names: Selection) -> ResolvedRow:
        if row.external is not None:
            return self._imports.selected(row, names.dataset)
        reason = self._reason_not_to_run(self.experiments[experiment], row, names)
        if reason is not None:
            return ResolvedRow(key=row.key, reference=row.reference, not_run=reason, **names.model_dump())
        seeds = self.tier.fewer_seeds.get(experiment, self.tier.seeds)
        runs = [self._ask(experiment, names, seed) for seed in seeds]
        run = runs[0]
        as_paper = run.dataset == names.dataset and run.backbone == names.backbone
        return ResolvedRow(
            key=row.key,
            reference=row.reference,
            dataset=run.dataset,
            method=run.method,
            backbone=run.backbone,
            variant=run.variant,
            inference=names.inference,
            as_run=self._as_run(self.experiments[experiment], row, names),
            seeds=tuple(dict.fromkeys(run.seed for run in runs)),
            as_paper=self.tier.tier in PAPER_TIERS and as_paper,
            train_videos=run.config.dataset.train.videos,
            valid_videos=run.config.dataset.valid.videos,
        )

    def _as_run(self, experiment: ExperimentConfig, row: Row, names: Selection) -> Key:
        """Cells of the row in whose place this tier runs another value, such as shorter clips on shorter videos."""
        options = self._resolver.inference(names.method, names.inference)
        found = {cell: options[option] for cell, option in experiment.as_run.items() if option in options}
        return {cell: value for cell, value in found.items() if value != row.key.get(cell)}

    def _anchor(self, experiment: str) -> ResolvedAnchor | None:
        """The tier's, which every table asks for."""
        anchor = self.tier.anchor
        if anchor is None:
            return None
        names = Selection(**anchor.model_dump(include=set(Selection.model_fields)))
        tier = self.tier
        known = {"method": [*tier.methods], "dataset": [*tier.datasets], "backbone": [*tier.backbones]}
        for key, choices in known.items():
            pick(dict.fromkeys(choices), getattr(names, key), f"tier '{self.tier.tier}': anchor.{key}")
        reason, run = self._reason_not_to_score(names), self._resolver.run(names, self.tier.seeds[0])
        if reason is None:
            self._ask(experiment, names, self.tier.seeds[0])
        title = f"{self._resolver.methods[names.method].title} with {names.backbone} on {names.dataset}"
        numbers = {"ap": anchor.ap, "within": anchor.within, "not_run": reason}
        return ResolvedAnchor(name=title, directory=run.directory, inference=names.inference, **numbers)

    def _reason_not_to_run(self, experiment: ExperimentConfig, row: Row, names: Selection) -> str | None:
        tier, each_method = self.tier, experiment.each_method
        named = (names.method in tier.methods, names.dataset in tier.datasets, names.backbone in tier.backbones)
        if not all(named) or tier.only.leaves_out(names.method, names.backbone):
            return NOT_IN_TIER
        method = self._resolver.methods[names.method]
        offered = names.variant in method.variants and names.inference in method.inference
        if each_method and not offered:
            return NOT_OFFERED  # of a row of its own it is a slip, told later
        if tier.published_only and experiment.published and not has_number(experiment.published, row.key):
            return NO_NUMBER
        return self._reason_not_to_score(names)

    def _reason_not_to_score(self, names: Selection) -> str | None:
        if self.tier.datasets[names.dataset].only_with_labels and not self._has_labels(names.dataset):
            return NO_LABELS
        run = self._resolver.run(names, self.tier.seeds[0])
        if run.is_trained and not self.tier.trains:
            return NO_WEIGHTS
        if not run.is_trained and self._resolver.datasets[names.dataset].validate_on == "local_split":
            return SEEN_IN_TRAINING
        return None

    def _has_labels(self, dataset: str) -> bool:
        """Whether the labels of `valid` are there; looked for once, however many rows are on the data set."""
        if dataset not in self._labelled:
            try:
                find_files(self._resolver.datasets[dataset], "valid")
            except UserError:
                self._labelled[dataset] = False
            else:
                self._labelled[dataset] = True
        return self._labelled[dataset]

    def _ask(self, experiment: str, names: Selection, seed: int) -> Run:
        """Enter the run that `names` and `seed` select, and what it starts from; ask it for one more prediction."""
        run = self._resolver.run(names, seed)
        self._enter(run)
        known = self._runs[run.directory]
        options = self._resolver.inference(names.method, names.inference)
        variants = overlay(known.inference, {names.inference: options})
        prediction = self._resolver.prediction(names, variants)
        if known.prediction and known.prediction.model_copy(update={"variants": prediction.variants}) != prediction:
            raise UserError(f"tier '{self.tier.tier}': two ways to predict with one run, {run.directory}")
        self._runs[run.directory] = replace(known, inference=variants, prediction=prediction)
        if (run.directory, names.inference) not in self._evaluations[experiment]:
            self._evaluations[experiment].append((run.directory, names.inference))
        return run

    def _enter(self, run: Run) -> None:
        if run.starts_from:
            self._enter(run.starts_from)
        known = self._runs.setdefault(run.directory, run)
        if known.config != run.config:
            raise UserError(
                f"tier '{self.tier.tier}': two different configurations of one run, {run.directory}; "
                "`datasets` may use one data set twice, but not with different `train` or `pseudo_videos`"
            )

    def _check_scores(self, experiment: str, scores: Sequence[str]) -> None:
        """Before anything runs: which videos are long, the data set has to say."""
        of_lengths = [score for score in scores if score in LENGTHS.scores]
        for directory, _ in self._evaluations[experiment] if of_lengths else ():
            dataset = self.datasets[self.find(directory).config.dataset.name]
            if dataset.long_videos is None:
                raise UserError(
                    f"experiment '{experiment}': scores: {of_lengths[0]} needs to know which videos of the data set "
                    f"'{dataset.name}' are long; name them in its file, by the key long_videos"
                )

    def _check_references(self, spec: TableSpec) -> None:
        for row in spec.rows:
            if spec.reference is not None and spec.reference_of(row) is None:
                raise UserError(
                    f"experiment '{spec.name}': reference: no row {row.key | row.reference | spec.reference}"
                )
