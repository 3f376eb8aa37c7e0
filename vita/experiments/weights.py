"""Which runs of a tier have weights of others, and what that changes."""

from __future__ import annotations

from vita.core.contract import UserError
from vita.core.records import START_WEIGHTS
from vita.core.run_config import RunConfig
from vita.experiments.config import Selection, TierConfig, TierWeights
from vita.experiments.method_config import VariantConfig


def weights_for(tier: TierConfig, names: Selection, where: str) -> TierWeights | None:
    """The file of others that the tier names for this run. Raises UserError when it names two."""
    given = tier.weights[tier.start] if tier.start else ()
    run = names.model_dump(include={"method", "dataset", "backbone", "variant"})
    found = [weights for weights in given if weights.holds_for(run)]
    if len(found) > 1:
        files = " and ".join(weights.file for weights in found)
        raise UserError(f"{where}: weights.{tier.start}: {files} are both for {run}; leave one out")
    return found[0] if found else None


def check_backbone(tier: TierConfig, names: Selection, variant: VariantConfig, where: str) -> None:
    """Raises UserError where a training that starts from another one is given a backbone as well."""
    if variant.starts_from is not None:
        raise UserError(
            f"{where}: weights.{tier.start}: a backbone for {names.method} '{names.variant}', which starts from "
            f"'{variant.starts_from.variant}'; name a training that starts from nothing"
        )


def converted_backbone(weights: TierWeights | None, directory: str) -> str | None:
    """Where the backbone lies, under our names, that a training starts from."""
    alone = weights is not None and weights.holds == "backbone"
    return f"{directory}/{START_WEIGHTS}" if alone else None


def without_names(config: RunConfig) -> RunConfig:
    """What changes a training: neither its name, nor the folder that a backbone of others is converted into."""
    converted = config.weights is not None and config.weights.holds == "backbone"
    return config.model_copy(update={"variant": "", **({"start_from": None} if converted else {})})
