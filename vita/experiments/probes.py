"""The memory probes of a tier: how many frames fit, predicted for released sizes, and measured on what the tier has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from vita.core.config_base import Frozen
from vita.core.contract import AttentionPath
from vita.engine.memory.case import Case

Options = dict[str, Any]
Key = dict[str, str | int | float]  # cells that name a row of a table, by column
Size = tuple[PositiveInt, PositiveInt]  # height and width in pixels


class ProbeRow(Frozen):
    """One method under one inference variant. measured: whether a tier that measures measures it."""

    key: Key
    method: str
    variant: Options = Field({})
    attention: tuple[AttentionPath, ...] = ("materialised", "fused")
    measured: bool = True


class ProbeSection(Frozen):
    """The rows of the table of frames, and what is predicted for all of them in their released sizes."""

    budget: str
    sizes: tuple[Size, ...]
    rows: tuple[ProbeRow, ...]


class TierProbes(Frozen):
    """What a tier measures, with materialised attention, as the released codes compute it."""

    device: Literal["cpu", "cuda"]
    budget: str
    sizes: tuple[Size, ...]
    options: dict[str, Options] | None = None  # of methods' models; as released where there are none
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
        inference = "_".join(f"{name}{value}" for name, value in self.case.variant.items()) or "only"
        return f"{self.case.method}/{inference}/{'measured' if self.search else 'predicted'}"

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
