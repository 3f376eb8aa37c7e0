"""The files that say what is run: tiers, data sets, methods and experiments, typed and checked when read.

Nothing here knows a method's options: they are plain mappings that the method reads itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from vita.core.config_base import Frozen
from vita.core.further_scores import ScoreColumns
from vita.core.names import Name
from vita.core.run_config import WeightsFile
from vita.experiments.external import ExternalName, ExternalRow
from vita.experiments.method_config import OwnVariants
from vita.experiments.probes import Key, Options, ProbeSection, TierProbes
from vita.experiments.seeds import Seeds

Difference = dict[str, Any]  # keys of another section, laid over it


class PseudoVideoSubstitute(Frozen):
    """Images that are mixed into the training clips of a data set, each as a clip of its own."""

    use: Name  # a file of datasets/
    ratio: float = Field(gt=0)  # clips of pseudo-videos for one clip of a video
    augmentation: Difference = Field({})  # complete: nothing lies below it


class DatasetSubstitute(Frozen):
    """What a tier runs in the place of one of the paper's data sets."""

    use: Name  # a file of datasets/
    train: Difference = Field({})
    predict: Difference = Field({})
    pseudo_videos: PseudoVideoSubstitute | None = None  # for the training variants that ask for them
    validate_on: Literal["valid", "local_split"] | None = None  # None: as the data set's file says
    limit_videos: PositiveInt | None = None  # as the key of a data set's file
    only_with_labels: bool = False  # rows on it are left out where its labels of `valid` are not there


class TierMethod(Frozen):
    """The preset of a method that a tier runs, and what it changes in it."""

    preset: Name
    variants: dict[Name, Options] = Field({})  # options that this tier changes in a training variant
    inference: dict[Name, Options] = Field({})  # and in an inference variant
    schedules: dict[Name, Difference] = Field({})  # laid over the tier's schedules of the same name


class Adjustment(Frozen):
    """Keys of trainings and of prediction for those runs alone that have every name given here; None: any."""

    method: Name | None = None
    dataset: Name | None = None  # the paper's names
    backbone: Name | None = None
    variant: Name | None = None  # of the method named
    schedule: Name | None = None  # of trainings
    train: Difference = Field({})
    predict: Difference = Field({})

    @model_validator(mode="after")
    def _names_fit_together(self) -> Adjustment:
        if self.predict and self.schedule is not None:
            raise ValueError("prediction has no schedule; write `predict` into an adjustment without one")
        if self.variant is not None and self.method is None:
            raise ValueError("a variant is of a method; name the method too")
        return self

    def holds(self, names: Mapping[str, str]) -> bool:
        """Whether a run with these names (method, dataset, backbone, variant, schedule of a training) is meant."""
        wanted = self.model_dump(exclude={"train", "predict"}, exclude_none=True)
        return wanted.items() <= names.items()


class TierWeights(WeightsFile):
    """A file of somebody else's weights for the runs that have these names (the paper's); None: any.

    published, obtain: which published file it is, and where it is published; told where it is not there.
    """

    method: Name
    variant: Name | tuple[Name, ...]  # the training that it takes the place of, or, of a backbone, that starts from it
    backbone: Name | None = None
    dataset: Name | None = None
    published: str
    obtain: str

    def holds_for(self, names: Mapping[str, str]) -> bool:
        """Whether these are the weights of a run with these names (method, dataset, backbone, variant)."""
        wanted = self.model_dump(include={"method", "backbone", "dataset"}, exclude_none=True)
        variants = (self.variant,) if isinstance(self.variant, str) else self.variant
        return wanted.items() <= names.items() and names["variant"] in variants

    def as_configured(self) -> WeightsFile:
        """What a run's configuration holds: a corrected word must not make anything anew."""
        return WeightsFile(**self.model_dump(include=set(WeightsFile.model_fields)))


class Only(Frozen):
    """Names of the paper's to which a tier keeps, of those that it defines; empty: all."""

    methods: tuple[Name, ...] = ()
    backbones: tuple[Name, ...] = ()

    def leaves_out(self, method: str, backbone: str) -> bool:
        """Whether runs of this method and backbone are left out."""
        kept = (not self.methods or method in self.methods, not self.backbones or backbone in self.backbones)
        return not all(kept)


class Selection(Frozen):
    """The weights and the way of inference that a table is about, by the paper's names."""

    method: Name
    dataset: Name
    backbone: Name
    variant: Name = "base"
    inference: Name = "intact"


class Anchor(Selection):
    """A score that must come out, or every table of the tier says that it did not."""

    ap: float = Field(alias="AP")  # points
    within: float = Field(gt=0)  # points, either way


class JobResources(Frozen):
    """What a scheduler is asked for, for one job."""

    mem_mb: PositiveInt = 4000  # host memory, megabytes
    runtime: PositiveInt = 60  # minutes


class TierConfig(Frozen):
    """How large everything is. `datasets` and `backbones` map the paper's names to what stands in for them."""

    tier: Name
    extends: str | None = None  # another tier, by name or path, whose keys stand where this file has none
    seeds: Seeds  # or their number
    fewer_seeds: dict[Name, Seeds] = Field({})  # by experiment, where it needs not all of them
    gpus: NonNegativeInt = 0  # of a training; a prediction takes one at most. 0: everything runs on cores
    processes: PositiveInt | None = None  # that share a training out; None: one a GPU, at least one
    watch: tuple[Name, ...] = ("tensorboard",)  # who is shown trainings; it changes nothing of them
    experiments: tuple[Name, ...] | None = None  # None: all that lie in the folders experiments/
    scores: dict[Name, ScoreColumns] = Field({})  # by experiment, columns beside those that it has
    datasets: dict[Name, DatasetSubstitute]
    backbones: dict[Name, Name]
    methods: dict[Name, TierMethod]
    schedules: dict[Name, Difference]  # complete TrainConfigs, save for what a stand-in's `train` adds
    predict: Difference = Field({})
    adjustments: tuple[Adjustment, ...] = ()  # laid over all else, in their order
    needs: dict[Literal["train", "predict", "probe"], JobResources] = Field({})  # of a cluster, for every such job
    probes: TierProbes | None = None  # what is measured of the number of frames that fit
    weights: dict[Name, tuple[TierWeights, ...]] = Field({})  # files of others, by the point that they start at
    start: Name | None = None  # which of `weights` is in force; None: everything is trained from nothing
    trains: bool = True  # False: rows whose weights are no file of others are left out
    only: Only = Only()
    anchor: Anchor | None = None
    published_only: bool = False  # leave out the rows of the paper's tables for which the paper has no number
    longest_job: PositiveInt | None = None  # minutes that a training asks a scheduler for at most; then it goes on

    @property
    def training_processes(self) -> int:
        """How many processes train together."""
        return self.processes or max(self.gpus, 1)

    @property
    def measured_probes(self) -> TierProbes | None:
        """What is measured of the frames that fit: nothing on a card in a tier that runs on cores."""
        on_cores = self.probes is not None and self.probes.device == "cuda" and not self.gpus
        return None if on_cores else self.probes

    @model_validator(mode="after")
    def _start_is_known(self) -> TierConfig:
        if self.start is not None and self.start not in self.weights:
            known = ", ".join(self.weights) or "nothing"
            raise ValueError(f"start is '{self.start}', which is not in `weights`; allowed: {known}")
        return self


class Row(Frozen):
    """One row of a table: the cells that name it, and what differs from the experiment's selection."""

    key: Key
    inference: Name | None = None
    method: Name | None = None
    dataset: Name | None = None
    backbone: Name | None = None
    variant: Name | None = None
    reference: Key = Field({})  # cells of the row that it is compared with, where they are not its own
    external: ExternalName | None = None  # in the place of all of these but the data set: a result that was imported


Kind = Literal["table", "frames", "curves", "qualitative"]


class ExperimentConfig(Frozen):
    """One table or figure of the paper, or one of ours.

    kind: "frames" is the table of the memory probe, "curves" and "qualitative" are figures.
    """

    item: str  # of the paper, or "beyond the paper"
    title: str
    label: str | None = None  # what the report's list calls it; None: the title
    caption: str = ""  # in the report, as reStructuredText; empty: what holds for every table
    kind: Kind = "table"
    select: Selection
    each_method: bool = False  # rows that name no method stand for each of the tier: a cell `method` of their key
    external: bool = False  # with `each_method`: for each external result of the data set too
    rows: tuple[Row, ...] = ()
    reference: Key | None = None  # cells of the rows that others are compared with; the other cells are the row's own
    as_run: dict[str, str] = Field(
        {}
    )  # cells of `key` that are the paper's value of an option of the inference variant
    published: Name | None = None  # a file of the paper's numbers with the columns of `key`
    reported: bool = False  # its rows that are none of ours stand in the table too, marked as reported
    max_frames: bool = False  # columns for the number of frames that fit into memory
    scores: ScoreColumns = ()  # columns beyond the main scores
    by_name_only: bool = False  # left out of tiers that name no experiments
    methods: dict[Name, OwnVariants] = Field({})
    probes: ProbeSection | None = None  # of the kind "frames": what is probed, in the place of rows

    @model_validator(mode="after")
    def _frames_are_probed(self) -> ExperimentConfig:
        if (self.kind == "frames") != (self.probes is not None):
            raise ValueError("`probes` goes with `kind: frames`, and with no other kind")
        return self


class ResolvedRow(Frozen):
    """A row with every name resolved in one tier. Without a run, `not_run` says why, and the names are the paper's."""

    key: Key
    dataset: Name
    method: Name
    backbone: str  # of an external result, its cell
    variant: Name
    inference: Name
    seeds: tuple[int, ...] = ()
    as_paper: bool = False  # the paper's model on the paper's data; what scored it, the run says
    train_videos: int | None = None  # published number of the release's training videos
    valid_videos: int | None = None  # published number of the release's validation videos
    reference: Key = Field({})  # as of a `Row`
    as_run: Key = Field({}, exclude_if=lambda cells: not cells)  # what this tier runs in the place of the key's cells
    not_run: str | None = None
    external: ExternalRow | None = Field(None, exclude_if=lambda external: external is None)


class ResolvedAnchor(Frozen):
    """A score that must come out, with the run that has it. not_run: why there is none."""

    name: str  # in words
    directory: str
    inference: Name
    ap: float  # points
    within: float
    not_run: str | None = None


class TableSpec(Frozen):
    """What `vita table build` and the figures read: one experiment resolved in one tier."""

    name: Name
    item: str
    title: str
    kind: Kind
    tier: Name
    rows: tuple[ResolvedRow, ...]
    reference: Key | None = None
    published: Name | None = None
    reported: bool = False
    max_frames: bool = False
    scores: ScoreColumns = Field((), exclude_if=lambda scores: not scores)
    anchor: ResolvedAnchor | None = None
    caption: str = Field("", exclude_if=lambda caption: not caption)  # in the report

    @property
    def columns(self) -> list[str]:
        """Names of the cells that name a row."""
        return list(dict.fromkeys(name for row in self.rows for name in row.key))

    def reference_of(self, row: ResolvedRow) -> ResolvedRow | None:
        """The row that `row` is compared with; itself where it is one of those."""
        if self.reference is None:
            return None
        wanted = (row.external.like if row.external else row.key) | row.reference | self.reference
        return next((other for other in self.rows if other.key == wanted), None)
