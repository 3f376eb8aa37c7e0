"""The files that describe methods: their named options, their trainings and their ways of inference."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt

from vita.core.config_base import Frozen
from vita.core.names import Name
from vita.experiments.probes import Options


class Start(Frozen):
    """A training whose final weights are the first weights of another one.

    method: None is the method itself. Another method has parts in common with it, under the same names: so two methods
    begin with the very same detector, say, and what they make of it is all that tells them apart.
    """

    variant: Name
    method: Name | None = None

    def of(self, method: str) -> tuple[str, str]:
        """Method and variant, where a variant of `method` starts."""
        return self.method or method, self.variant


def _of_a_name(given: Any) -> Any:
    return {"variant": given} if isinstance(given, str) else given


StartKey = Annotated[Start, BeforeValidator(_of_a_name, json_schema_input_type=str | Start)]  # a name is a variant's


class VariantConfig(Frozen):
    """A training variant: a difference of at most five options under a name."""

    options: Options = Field({}, max_length=5)
    starts_from: StartKey | None = None  # a training, whose final weights are the first weights here
    dataset: Name | None = None  # the paper's name; None: the one that the experiment asks
    schedule: Name = "clips"
    seed: NonNegativeInt | None = None  # one run, shared by all seeds of what starts from it
    pseudo_videos: bool = False  # mix in those that the tier names for the data set, if it names any


class MethodConfig(Frozen):
    """A method's named options: preset, then backbone, then training variant, each laid over the one before."""

    title: str  # what tables call it
    presets: dict[Name, Options]
    backbones: dict[Name, Options]
    variants: dict[Name, VariantConfig]
    inference: dict[Name, Options]
    by_name_only: bool = False  # it stands in rows that name it, not in those of each method


class OwnVariants(Frozen):
    """Variants that one experiment alone asks for, beside those in a method's file; no name may be in both."""

    variants: dict[Name, VariantConfig] = Field({})
    inference: dict[Name, Options] = Field({})
