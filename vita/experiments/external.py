"""External results: predictions of other code that `vita import` stored, and what a tier makes of them.

Nothing of a training is known of them. In tables and lists of runs they are called `external.<name>`, which no method
can be called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from vita.core.config_base import Frozen
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.records import EXTERNAL_RESULTS, IMPORT_FILE, ImportRecord, read_record
from vita.experiments.probes import Key

EXTERNAL = "external"  # their training variant, and how their names begin
SCORED = "intact"  # the one way of inference that they have
EXTERNAL_FILE = "external.yaml"  # in the folder of an external run

ExternalName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class ExternalRow(Frozen):
    """What stands with the row of an external result, beside the names that all rows have.

    record: its file.  like: cells of the row of ours in whose place it is compared with others, since its own may be
    of a backbone that the table does not have.  empty_videos: the most that a seed predicted nothing in.
    """

    record: str
    like: Key
    citation: str = ""
    source: str = ""
    commit: str = ""
    empty_videos: NonNegativeInt = 0


class ExternalConfig(Frozen):
    """`external.yaml`: a results file, and what it is scored on in one tier. All keys but the last are as of a run."""

    tier: str
    dataset: DatasetConfig
    method: str  # external.<name>
    backbone: str  # as a table's cell
    variant: Literal["external"] = "external"
    seed: NonNegativeInt
    record: str  # the import's file


@dataclass(frozen=True)
class ExternalRun:
    """One results file of an import, scored in one tier."""

    config: ExternalConfig

    @property
    def folder(self) -> str:
        """Of the import, relative to the working directory as all paths."""
        return str(Path(self.config.record).parent)

    @property
    def directory(self) -> str:
        """Where the scores of this seed in this tier lie."""
        return f"{self.folder}/scores/{self.config.tier}/seed{self.config.seed}"

    @property
    def metrics(self) -> str:
        """The file of its scores."""
        return f"{self.directory}/metrics/{SCORED}.json"

    @property
    def failed(self) -> bool:
        """Whether its scoring ended without scores."""
        return Path(self.directory, "logs", "evaluate.log").exists() and not Path(self.metrics).exists()


def record_file(dataset: str, name: str) -> str:
    """Where the record of an import lies."""
    return f"{EXTERNAL_RESULTS}/{dataset}/{name}/{IMPORT_FILE}"


def read_imports(folder: Path = Path(EXTERNAL_RESULTS)) -> list[ImportRecord]:
    """All imports, by data set and name. Raises UserError naming one that is unreadable or lies in a wrong folder."""
    return list(_records(sorted(folder.glob(f"[!.]*/[!.]*/{IMPORT_FILE}"))))


def _records(paths: Sequence[Path]) -> Iterator[ImportRecord]:
    for path in paths:
        record = read_record(ImportRecord, path)
        named = (record.dataset, record.origin.name)
        if path.parent.parts[-2:] != named:
            raise UserError(f"{path}: the import '{named[1]}' for {named[0]}; its folder must be {'/'.join(named)}")
        yield record
