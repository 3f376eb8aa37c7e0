"""The memory probes of a tier: how many frames fit, predicted for released sizes, and measured on what the tier has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, field_validator
from pydantic_core import PydanticCustomError

from vita.core.config_base import Frozen
from vita.core.contract import AttentionPath, UserError
from vita.core.names import Name, check_name
from vita.engine.memory.case import Case
from vita.engine.memory.size import read_size

Options = dict[str, Any]
Key = dict[str, str | int | float]  # cells that name a row of a table, by column
Size = tuple[PositiveInt, PositiveInt]  # height and width in pixels


def _size(text: str) -> str:
    try:
        read_size(text, "a budget of")
    except UserError as error:
        raise PydanticCustomError("size", "{reason}", {"reason": str(error)}) from None
    return text


MemorySize = Annotated[str, AfterValidator(_size)]


class ProbeRow(Frozen):
    """One method under one inference variant. measured: whether a tier that measures measures it."""

    key: Key
    method: Name
    variant: dict[Name, Any] = Field({})  # options, which name its files
    attention: tuple[AttentionPath, ...] = ("materialised", "fused")
    measured: bool = True

    @field_validator("variant")
    @classmethod
    def _names_a_file(cls, value: Options) -> Options:
        check_name(file_of(value))
        return value


def file_of(variant: Options) -> str:
    """What a file of probes under this inference variant is called."""
    return "_".join(f"{name}{value}" for name, value in variant.items()) or "only"


class ProbeSection(Frozen):
    """The rows of the table of frames, and what is predicted for all of them in their released sizes."""

    budget: MemorySize
    sizes: tuple[Size, ...]
    rows: tuple[ProbeRow, ...]


class TierProbes(Frozen):
    """What a tier measures, with materialised attention, as the released codes compute it."""

    device: Literal["cpu", "cuda"]
    budget: MemorySize
    sizes: tuple[Size, ...]
    options: dict[Name, Options] | None = None  # of methods' models; as released where there are none
    minutes: PositiveFloat = 10.0
    precision: PositiveFloat = 0.02  # of the answer, as a share of it


@dataclass(frozen=True)
class Probe:
    """One line of the table. key: its cells; search: None where the answer is only predicted."""

    key: Key
    case: Case
    budget: str
    device: Literal["cpu", "cuda"]
    search: TierProbes | None

    @property
    def name(self) -> str:
        """Its file below results/probes/<tier>/, which it shares with other sizes and paths of attention."""
        return f"{self.case.method}/{file_of(self.case.variant)}/{'measured' if self.search else 'predicted'}"

    @property
    def as_paper(self) -> bool:
        """Whether it asks about the released model, on a card, with attention as released."""
        return not self.case.options and self.case.attention == "materialised" and self.device == "cuda"


def resolve_probes(section: ProbeSection, tier: TierProbes | None) -> Iterator[Probe]:
    """Predictions in the order of rows, sizes and paths; then what the tier measures."""
    for row in section.rows:
        for height, width in section.sizes:
            for attention in row.attention:
                case = Case(method=row.method, variant=row.variant, height=height, width=width, attention=attention)
                yield Probe(row.key, case, section.budget, "cuda", None)
    if tier is None:
        return
    for row in section.rows:
        for height, width in tier.sizes if row.measured else ():
            options = (tier.options or {}).get(row.method, {})
            case = Case(method=row.method, options=options, variant=row.variant, height=height, width=width)
            yield Probe(row.key, case, tier.budget, tier.device, tier)
