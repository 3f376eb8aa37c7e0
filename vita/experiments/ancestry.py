"""What trainings start from, over all methods of a tier: a training is a method and one of its variants."""

from __future__ import annotations

from collections.abc import Mapping

from vita.core.contract import UserError
from vita.experiments.method_config import MethodConfig, VariantConfig
from vita.experiments.reading import pick

Training = tuple[str, str]  # a method and a variant


def ancestors(methods: Mapping[str, MethodConfig], training: Training) -> list[Training]:
    """What a training starts from, what that starts from, and so on.

    Raises UserError on a circle, and on names that are not known.
    """
    where, found = f"method {training[0]}: variants.{training[1]}", [training]
    while (start := _variant(methods, found[-1], where).starts_from) is not None:
        if start.of(found[-1][0]) in found:
            raise UserError(f"{where}: starts from itself")
        found.append(start.of(found[-1][0]))
    return found[1:]


def parents_first(methods: Mapping[str, MethodConfig], method: str) -> list[str]:
    """A method's training variants as in its file, but each after what it starts from. Raises as `ancestors`."""
    trainings = [(method, variant) for variant in methods[method].variants]
    chains = [[*reversed(ancestors(methods, training)), training] for training in trainings]
    return list(dict.fromkeys(variant for chain in chains for of, variant in chain if of == method))


def _variant(methods: Mapping[str, MethodConfig], training: Training, where: str) -> VariantConfig:
    """The variant of a training that one at `where` starts from."""
    method, name = training
    choices = pick(methods, method, f"{where}: starts_from").variants
    found: VariantConfig = pick(choices, name, f"method {method}: variants")
    return found
