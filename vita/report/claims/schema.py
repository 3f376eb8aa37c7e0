"""What a claim is: its words, its place in the paper, a quantity, and what that quantity should be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from vita.core.config_base import Frozen
from vita.evaluation.main_scores import SCORES
from vita.experiments.config import Key
from vita.experiments.reading import load_file

CLAIMS = Path(__file__).parent / "claims.yaml"

if TYPE_CHECKING:
    Score = str
else:
    Score = Literal[SCORES]
Scope = Literal["numbers", "trend"]


class _OfRow(Frozen):
    """About a score of one row of a table."""

    table: str
    row: Key
    score: Score = "AP"


class ScoreOfRow(_OfRow):
    """A row's mean score over its trainings."""

    kind: Literal["score"]

    def __str__(self) -> str:
        return self.score


class PublishedRows(Frozen):
    """Rows of a file of published/: those with all cells of `where`, and of no method in `without`."""

    file: str
    where: dict[str, str] = Field({})
    without: tuple[str, ...] = ("VITA",)


class LeadOverPublished(_OfRow):
    """A row's mean score less the highest that others published."""

    kind: Literal["lead"]
    over: PublishedRows

    def __str__(self) -> str:
        return f"{self.score} lead"


class Differences(_OfRow):
    """A row's mean score less that of each row of `against`; the predicate is asked of all.

    beyond: another score, whose own difference is taken off; what is left is how much more the first one changes.
    """

    kind: Literal["difference"]
    against: tuple[Key, ...] = Field(min_length=1)
    beyond: Score | None = None

    def __str__(self) -> str:
        return f"{self.score} difference" + (f" less {self.beyond} difference" if self.beyond else "")


class Steps(Frozen):
    """From each row to the next, the later score less the earlier; the predicate is asked of all."""

    kind: Literal["steps"]
    table: str
    rows: tuple[Key, ...] = Field(min_length=3)
    score: Score = "AP"

    def __str__(self) -> str:
        return f"each step in {self.score}"


class Convergence(Frozen):
    """Mean validation AP over the course of training, a row's less another's: the area between their curves."""

    kind: Literal["convergence"]
    table: str
    row: Key
    against: Key

    def __str__(self) -> str:
        return "difference in mean validation AP"


class Parameters(Frozen):
    """Of the released model; `vita models` counts them."""

    kind: Literal["parameters"]
    method: str
    backbone: str
    column: Literal["parameters", "own_parameters", "added_percent"]

    def __str__(self) -> str:
        return self.column.replace("_", " ")


class Frames(Frozen):
    """How many frames fit into 12 GiB of a card at once; with `over`, how many times as many as there.

    Probes that measured decide; where one only predicted, the verdict is "predicted".

    row, over: cells of the probe; where `row` has no `resolution`, all that were probed count, and a range holds them.
    """

    kind: Literal["frames"]
    row: Key
    over: Key | None = None

    def __str__(self) -> str:
        return "frames" if self.over is None else "ratio of frames"


Quantity = ScoreOfRow | LeadOverPublished | Differences | Steps | Convergence | Parameters | Frames


class _Tolerant(Frozen):
    """A value that is not meant to the last digit; `because` says why the tolerance is so wide."""

    value: float
    tolerance: float = Field(gt=0)
    because: str = Field(min_length=20)


class Above(Frozen):
    """More than the value."""

    kind: Literal["above"]
    value: float

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that fulfil the claim."""
        return self.value, math.inf

    def __str__(self) -> str:
        return f"above {self.value:g}"


class AtLeast(_Tolerant):
    """The value or more, less the tolerance."""

    kind: Literal["at least"]

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that fulfil the claim."""
        return self.value - self.tolerance, math.inf

    def __str__(self) -> str:
        return f"at least {self.value:g} less {self.tolerance:g}"


class Below(Frozen):
    """Less than the value."""

    kind: Literal["below"]
    value: float

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that fulfil the claim."""
        return -math.inf, self.value

    def __str__(self) -> str:
        return f"below {self.value:g}"


class About(_Tolerant):
    """The value, within the tolerance."""

    kind: Literal["about"]

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that fulfil the claim."""
        return self.value - self.tolerance, self.value + self.tolerance

    def __str__(self) -> str:
        return f"{self.value:g} ± {self.tolerance:g}"


class Between(Frozen):
    """Within a range; `because` says why it is this one."""

    kind: Literal["between"]
    low: float
    high: float
    because: str = Field(min_length=20)

    @model_validator(mode="after")
    def _is_a_range(self) -> Between:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that fulfil the claim."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


Predicate = Above | AtLeast | Below | About | Between


class Claim(Frozen):
    """One claim of the paper.

    scope: "numbers" needs the paper's model and data; the sign of a "trend" can be tested in any tier, and then is
    the trend there, not the paper's number.
    """

    text: str = Field(min_length=20)  # in our words
    where: str = Field(pattern=r"(Table|Figure|[Ss]ection|[Aa]bstract|Appendix)")
    scope: Scope
    quantity: Annotated[Quantity, Field(discriminator="kind")]
    predicate: Annotated[Predicate, Field(discriminator="kind")]
    note: str = ""  # what a reader of the verdict should know


class _ClaimsFile(Frozen):
    claims: dict[str, Claim]


def read_claims(path: Path = CLAIMS) -> dict[str, Claim]:
    """All claims by their id. Raises UserError naming the claim and key of anything unknown, missing or impossible."""
    return load_file(_ClaimsFile, path).claims
