"""From the paper's names (ytvis_2019, r50, base) to complete configurations of one tier."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.names import RULE, is_name
from vita.core.run_config import AugmentationConfig, PredictConfig, PseudoVideoConfig, RunConfig, TrainConfig
from vita.core.settings import overlay
from vita.experiments.ancestry import ancestors, parents_first
from vita.experiments.config import (
    Adjustment,
    DatasetSubstitute,
    ExperimentConfig,
    Options,
    PseudoVideoSubstitute,
    Selection,
    TierConfig,
    TierWeights,
)
from vita.experiments.method_config import MethodConfig, VariantConfig
from vita.experiments.reading import load_file, load_tier, pick, rehearsed, tier_files
from vita.experiments.weights import check_backbone, converted_backbone, weights_for, without_names

Section = TypeVar("Section", bound=BaseModel)
RUNS = "results/runs"
DATA = "results/data"


def directory_of(tier: str, dataset: str, method: str, backbone: str, variant: str, seed: int) -> str:
    """The folder of a run, relative to the working directory."""
    return "/".join((RUNS, tier, dataset, method, backbone, variant, f"seed{seed}"))


@dataclass(frozen=True)
class Run:
    """One training run; its first six fields identify it, the rest follows from the configuration files."""

    tier: str
    dataset: str
    method: str
    backbone: str
    variant: str
    seed: int
    config: RunConfig = field(compare=False, repr=False)
    starts_from: Run | None = field(compare=False, repr=False)
    inference: dict[str, Options] = field(default_factory=dict, compare=False, repr=False)
    prediction: PredictConfig | None = field(default=None, compare=False, repr=False)  # None: nothing is asked

    @property
    def directory(self) -> str:
        """Where all of this run's files lie, relative to the working directory."""
        return directory_of(self.tier, self.dataset, self.method, self.backbone, self.variant, self.seed)

    published: TierWeights | None = field(default=None, compare=False, repr=False)  # weights of others

    @property
    def weights(self) -> str:
        """The file that training ends with."""
        return f"{self.directory}/model.safetensors"

    @property
    def is_trained(self) -> bool:
        """Whether the weights are made here; else they are a file of others."""
        return self.config.is_trained


@dataclass(frozen=True)
class Resolver:
    """One tier's files, read once.

    Files named by the tier are looked for beside it first, then beside the tiers that it extends, then in `library`, in
    the folders datasets/, methods/ and experiments/. Raises UserError naming the file and the key of anything that is
    unknown or impossible.
    """

    tier_file: Path
    library: Path
    rehearse: int | None = None  # steps of every training, in the place of a whole tier
    _runs: dict[tuple[Selection, int], Run] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def tier(self) -> TierConfig:
        """The tier's own file; of a rehearsal, what that makes of it."""
        tier = load_tier(self.tier_file, self.library)
        return tier if self.rehearse is None else rehearsed(tier, self.rehearse)

    @cached_property
    def methods(self) -> dict[str, MethodConfig]:
        """The methods that the tier names, with the variants that experiments bring."""
        found = {name: self._load("methods", name, MethodConfig) for name in self.tier.methods}
        for name, experiment in self.experiments.items():
            for method, own in experiment.methods.items():
                if method in found:
                    found[method] = _extended(found[method], own.model_dump(), f"experiment {name}: methods.{method}")
        return found

    @cached_property
    def experiments(self) -> dict[str, ExperimentConfig]:
        """The experiments that the tier names, or all that there are."""
        known = self._known("experiments")
        for key in ("fewer_seeds", "scores"):
            for name in getattr(self.tier, key):
                pick(dict.fromkeys(known), name, f"{self.tier_file}: {key}")
        if self.tier.experiments is not None:
            return {name: self._load("experiments", name, ExperimentConfig) for name in self.tier.experiments}
        found = {name: self._load("experiments", name, ExperimentConfig) for name in known}
        return {name: experiment for name, experiment in found.items() if not experiment.by_name_only}

    @cached_property
    def datasets(self) -> dict[str, DatasetConfig]:
        """What stands in for each of the paper's data sets, by the paper's name."""
        return {name: self._scored_on(substitute) for name, substitute in self.tier.datasets.items()}

    def _scored_on(self, substitute: DatasetSubstitute) -> DatasetConfig:
        dataset = self._dataset(substitute.use)
        changes = substitute.model_dump(include={"validate_on", "limit_videos"}, exclude_none=True)
        return parse(DatasetConfig, dataset.model_dump() | changes, str(self.tier_file)) if changes else dataset

    @cached_property
    def pseudo_videos(self) -> dict[str, PseudoVideoConfig]:
        """What may be mixed into the training clips of the paper's data sets, for those that have something."""
        substitutes = self.tier.datasets.items()
        return {name: self._images(name, it.pseudo_videos) for name, it in substitutes if it.pseudo_videos}

    def run(self, names: Selection, seed: int) -> Run:
        """The training run that `names` select, with the run that it starts from.

        Variants that come to the same configuration in this tier are one run: that of the first in the method's file.
        """
        names = names.model_copy(update={"inference": ""})  # it changes no training
        if (names, seed) not in self._runs:
            run = self._run(names, seed)
            variants = parents_first(self.methods, names.method)
            for earlier in variants[: variants.index(names.variant)]:
                other = self._run(names.model_copy(update={"variant": earlier}), seed)
                if without_names(other.config) == without_names(run.config):
                    run = other
                    break
            self._runs[names, seed] = run
        return self._runs[names, seed]

    def prediction(self, names: Selection, variants: dict[str, Options]) -> PredictConfig:
        """Resolve how the weights that `names` select are evaluated."""
        adjusted = (adjustment.predict for adjustment in self._adjustments(names))
        raw = overlay(self.tier.predict, self.tier.datasets[names.dataset].predict, *adjusted)
        return parse(PredictConfig, raw | {"variants": variants}, f"{self.tier_file}: predict")

    def inference(self, method: str, name: str) -> Options:
        """Options of an inference variant."""
        options: Options = pick(self.methods[method].inference, name, f"method {method}: inference")
        return overlay(options, self.tier.methods[method].inference.get(name, {}))

    def _run(self, names: Selection, seed: int) -> Run:
        where = str(self.tier_file)
        method = pick(self.methods, names.method, f"{where}: methods")
        variant: VariantConfig = pick(method.variants, names.variant, f"method {names.method}: variants")
        paper_dataset = variant.dataset or names.dataset
        dataset = pick(self.datasets, paper_dataset, f"{where}: datasets")
        seed = seed if variant.seed is None else variant.seed
        published = weights_for(self.tier, names.model_copy(update={"dataset": paper_dataset}), where)
        if published is not None and published.holds != "backbone":
            # One file is one training, whatever seeds are asked for, and nothing comes before it.
            seed, variant = 0, variant.model_copy(update={"starts_from": None, "pseudo_videos": False})
        elif published is not None:
            check_backbone(self.tier, names, variant, where)
        start = self._start(names, variant, seed)
        backbone = pick(self.tier.backbones, names.backbone, f"{where}: backbones")
        place = (self.tier.tier, dataset.name, names.method, backbone, names.variant, seed)
        config = RunConfig(
            tier=self.tier.tier,
            dataset=dataset.without_description(),
            method=names.method,
            backbone=backbone,
            variant=names.variant,
            seed=seed,
            options=self._options(method, names, variant),
            train=self._schedule(variant.schedule, names.model_copy(update={"dataset": paper_dataset})),
            pseudo_videos=self.pseudo_videos.get(paper_dataset) if variant.pseudo_videos else None,
            start_from=start.weights if start else converted_backbone(published, directory_of(*place)),
            weights=published and published.as_configured(),
        )
        return Run(*place, config, starts_from=start, published=published)

    def _start(self, names: Selection, variant: VariantConfig, seed: int) -> Run | None:
        if variant.starts_from is None:
            return None
        ancestors(self.methods, (names.method, names.variant))  # none is its own
        method, name = variant.starts_from.of(names.method)
        return self.run(names.model_copy(update={"method": method, "variant": name}), seed)

    def _options(self, method: MethodConfig, names: Selection, variant: VariantConfig) -> Options:
        choice = self.tier.methods[names.method]
        where = f"method {names.method}"
        preset = pick(method.presets, choice.preset, f"{where}: presets")
        backbone = pick(method.backbones, self.tier.backbones[names.backbone], f"{where}: backbones")
        return overlay(preset, backbone, variant.options, choice.variants.get(names.variant, {}))

    def _schedule(self, name: str, names: Selection) -> TrainConfig:
        raw = overlay(
            pick(self.tier.schedules, name, f"{self.tier_file}: schedules"),
            self.tier.datasets[names.dataset].train,
            self.tier.methods[names.method].schedules.get(name, {}),
            *(adjustment.train for adjustment in self._adjustments(names, schedule=name)),
        )
        return parse(TrainConfig, raw, f"{self.tier_file}: schedules.{name} for {names.dataset}")

    def _adjustments(self, names: Selection, **schedule: str) -> list[Adjustment]:
        run = names.model_dump(include={"method", "dataset", "backbone", "variant"}) | schedule
        return [adjustment for adjustment in self._known_adjustments if adjustment.holds(run)]

    @cached_property
    def _known_adjustments(self) -> tuple[Adjustment, ...]:
        """The tier's, their names checked: one that holds for no run is a slip."""
        tier = self.tier
        choices: dict[str, dict[str, Any]] = {
            "method": dict(tier.methods),
            "dataset": dict(tier.datasets),
            "backbone": dict(tier.backbones),
            "schedule": dict(tier.schedules),
        }
        for number, adjustment in enumerate(tier.adjustments):
            for key, known in choices.items():
                name = getattr(adjustment, key)
                if name is not None:
                    pick(known, name, f"{self.tier_file}: adjustments[{number}].{key}")
            if adjustment.variant is not None:
                variants = self.methods[str(adjustment.method)].variants
                pick(variants, adjustment.variant, f"{self.tier_file}: adjustments[{number}].variant")
        return tier.adjustments

    def _images(self, paper_dataset: str, mixed_in: PseudoVideoSubstitute) -> PseudoVideoConfig:
        where = f"{self.tier_file}: datasets.{paper_dataset}.pseudo_videos.augmentation"
        augmentation = parse(AugmentationConfig, mixed_in.augmentation, where)
        dataset = self._dataset(mixed_in.use).without_description()
        return PseudoVideoConfig(dataset=dataset, ratio=mixed_in.ratio, augmentation=augmentation)

    def _dataset(self, name: str) -> DatasetConfig:
        dataset = self._load("datasets", name, DatasetConfig)
        if dataset.name != name:
            raise UserError(f"datasets/{name}.yaml: name is '{dataset.name}'; it must be the file's name, '{name}'")
        if dataset.shapes is not None and dataset.root != f"{DATA}/{name}":
            raise UserError(f"datasets/{name}.yaml: root is '{dataset.root}'; embedded data lies in '{DATA}/{name}'")
        return dataset

    def _load(self, kind: str, name: str, section: type[Section]) -> Section:
        found = next((path for folder in self._folders(kind) if (path := folder / f"{name}.yaml").is_file()), None)
        if found is None:
            known = ", ".join(self._known(kind)) or "none"
            raise UserError(f"{self.tier_file}: no {kind}/{name}.yaml; known {kind}: {known}")
        return load_file(section, found)

    def _known(self, kind: str) -> list[str]:
        """Names of the files of a kind. Raises UserError on one that is no name; hidden files are passed over."""
        files = sorted(file for folder in self._folders(kind) for file in folder.glob("[!.]*.yaml"))
        for file in files:
            if not is_name(file.stem):
                raise UserError(f"{str(file)!r}: the file's name is no name of {kind}: {RULE}; call it otherwise")
        return sorted({file.stem for file in files})

    def _folders(self, kind: str) -> list[Path]:
        return [folder / kind for folder in self._places]

    @cached_property
    def _places(self) -> list[Path]:
        beside = [file.parent for file in tier_files(self.tier_file, self.library)]
        return list(dict.fromkeys([*beside, self.library]))


def _extended(method: MethodConfig, own: dict[str, dict[str, object]], where: str) -> MethodConfig:
    """The method with an experiment's own variants. Raises UserError on a name that is taken."""
    changed = {}
    for kind, variants in own.items():
        known = getattr(method, kind)
        taken = sorted(set(known) & set(variants))
        if taken:
            raise UserError(f"{where}.{kind}: '{taken[0]}' is there already; choose another name, or use that one")
        changed[kind] = {**method.model_dump()[kind], **variants}
    return MethodConfig.model_validate({**method.model_dump(), **changed})
