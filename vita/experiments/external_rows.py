"""Rows of external results in the tables of a tier: beside its methods, or selected by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.grouping import grouped
from vita.core.records import ImportRecord
from vita.experiments.config import ExperimentConfig, ResolvedRow, Row
from vita.experiments.external import (
    EXTERNAL,
    SCORED,
    ExternalConfig,
    ExternalRow,
    ExternalRun,
    record_file,
)
from vita.experiments.probes import Key

NOT_IMPORTED = "no such external result here"
OTHER_VIDEOS = "imported for other videos"  # all of `valid`, or a local split
BACKBONE, METHOD = "backbone", "method"  # cells of a row's key


class Externals:
    """The imports that a tier's data sets have. Raises UserError when a method of the tier is called like one."""

    def __init__(
        self,
        imports: Sequence[ImportRecord],
        tier: str,
        datasets: Mapping[str, DatasetConfig],
        titles: Mapping[str, str],
    ) -> None:
        """datasets: what stands in for each of the paper's.  titles: of the tier's methods, by name."""
        self._imports, self._tier, self._datasets, self._titles = imports, tier, datasets, titles
        self._scored_on: dict[str, DatasetConfig] = {}  # of rows so far, by the stand-in's name
        reserved = [name for name in titles if name.startswith(f"{EXTERNAL}.")]
        if reserved:
            raise UserError(f"method '{reserved[0]}': names that begin with '{EXTERNAL}.' are of external results")

    def runs(self, row: ResolvedRow) -> list[ExternalRun]:
        """One for each seed of a row; none where it is not scored."""
        if row.external is None or row.not_run is not None:
            return []
        dataset = self._scored_on[row.dataset].without_description()
        names = {"tier": self._tier, "dataset": dataset, "method": row.method, "backbone": row.backbone}
        return [ExternalRun(ExternalConfig(**names, seed=seed, record=row.external.record)) for seed in row.seeds]

    def selected(self, row: Row, dataset: str) -> ResolvedRow:
        """The row that selects an external result by its name. dataset: the paper's name."""
        stand_in = self._datasets.get(dataset)
        found = [one for one in self._imports if one.origin.name == row.external and stand_in is not None]
        found = [one for one in found if stand_in is not None and one.dataset == stand_in.name]
        if not found:
            names = {"dataset": dataset, "method": f"{EXTERNAL}.{row.external}", "backbone": row.backbone or ""}
            return ResolvedRow(key=row.key, not_run=NOT_IMPORTED, variant=EXTERNAL, inference=SCORED, **names)
        return self._resolved(found[0], row.key, row.key, dataset)

    def beside(self, experiment: ExperimentConfig, ours: Sequence[ResolvedRow]) -> Iterator[ResolvedRow]:
        """Of each import, a row for every group of rows that differ in the backbone alone and are of its data set.

        Rows that name their method stand for that one alone. ours: the experiment's rows of methods.
        """
        with_names = [(row, self._dataset_of(experiment, row)) for row in experiment.rows if row.method is None]
        for record in self._imports:
            of_it = [(row, name) for row, name in with_names if self._is_of(record, name)]
            for alike in grouped(of_it, lambda one: str(_without_backbone(one[0].key))).values():
                row, dataset = self._like(record, alike, experiment, ours)
                like = {METHOD: self._titles.get(experiment.select.method, ""), **row.key}
                own = {} if _same_backbone(record, experiment, row) else {BACKBONE: record.origin.backbone}
                cells: Key = {METHOD: record.origin.title, **row.key, **(own if BACKBONE in row.key else {})}
                yield self._resolved(record, cells, like, dataset)

    def _like(
        self,
        record: ImportRecord,
        alike: Sequence[tuple[Row, str]],
        experiment: ExperimentConfig,
        ours: Sequence[ResolvedRow],
    ) -> tuple[Row, str]:
        """The row with its backbone, else the first; one whose reference is run before one whose is not."""
        run = [row.key for row in ours if row.not_run is None]

        def fitness(one: tuple[Row, str]) -> tuple[bool, bool]:
            compared = any(key == {**key, **one[0].key, **(experiment.reference or {})} for key in run)
            return compared, _same_backbone(record, experiment, one[0])

        return max(alike, key=fitness)  # the first of equal ones

    def _resolved(self, record: ImportRecord, key: Key, like: Key, dataset: str) -> ResolvedRow:
        stand_in, origin = self._datasets[dataset], record.origin
        fits = record.validate_on == stand_in.validate_on
        if self._scored_on.setdefault(stand_in.name, stand_in) != stand_in:
            raise UserError(
                f"tier '{self._tier}': '{stand_in.name}' stands in twice, scored on different videos, and an external "
                "result would be of both; use a copy of its YAML, under another name, for one of the two"
            )
        return ResolvedRow(
            key=key,
            dataset=stand_in.name,
            method=f"{EXTERNAL}.{origin.name}",
            backbone=origin.backbone,
            variant=EXTERNAL,
            inference=SCORED,
            seeds=tuple(file.seed for file in record.files),
            valid_videos=stand_in.valid.videos,
            not_run=None if fits else OTHER_VIDEOS,
            external=ExternalRow(
                record=record_file(record.dataset, origin.name),
                like=like,
                empty_videos=max(len(file.empty_videos) for file in record.files),
                **origin.model_dump(include={"citation", "source", "commit"}),
            ),
        )

    def _dataset_of(self, experiment: ExperimentConfig, row: Row) -> str:
        return row.dataset or experiment.select.dataset

    def _is_of(self, record: ImportRecord, dataset: str) -> bool:
        return dataset in self._datasets and self._datasets[dataset].name == record.dataset


def check_asked(name: str, experiment: ExperimentConfig) -> None:
    """Raises UserError when an experiment asks for external results in two ways, or in a way that means nothing."""
    if experiment.external and not experiment.each_method:
        raise UserError(f"experiment '{name}': `external: true` goes with `each_method`; else rows name a result each")
    if experiment.each_method and any(row.external is not None for row in experiment.rows):
        raise UserError(
            f"experiment '{name}': with `each_method`, `external: true` takes all external results; a row that names "
            "one belongs into an experiment without"
        )


def check_distinct(experiment: str, rows: Sequence[ResolvedRow]) -> None:
    """Raises UserError when the cells of an external result are those of another row."""
    for number, row in enumerate(rows):
        same = [other for other in rows[:number] if other.key == row.key]
        one = next((one for one in (row, *same) if one.external is not None), None)
        if same and one is not None and one.external is not None:
            cells = ", ".join(f"{name} {cell}" for name, cell in row.key.items())
            raise UserError(
                f"experiment '{experiment}': two rows have the cells {cells}; import {one.external.record} again under "
                "another --title"
            )


def _without_backbone(key: Key) -> Key:
    return {name: cell for name, cell in key.items() if name != BACKBONE}


def _same_backbone(record: ImportRecord, experiment: ExperimentConfig, row: Row) -> bool:
    """By the cell that tables show, or by the paper's name."""
    names = {str(row.key.get(BACKBONE, "")).casefold(), (row.backbone or experiment.select.backbone).casefold()}
    return record.origin.backbone.casefold() in names
