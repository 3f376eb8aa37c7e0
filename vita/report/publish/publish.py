"""A folder to be published: weights, card, records, scores and tables. Nothing is uploaded."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vita.core.contract import UserError
from vita.core.files import write_text
from vita.core.records import HISTORY_FILE, PREDICTION_FILE, START_FILE, TRAINING_FILE, WEIGHTS_FILE
from vita.report.publish.card import CardWords, card, evaluation_results
from vita.report.publish.published_run import PublishedRun, read_published

CARD = "README.md"
RESULTS = ".eval_results"  # folder of the files that hubs read
NEEDED = (WEIGHTS_FILE, TRAINING_FILE, "config.yaml")
WHERE_THERE = ("inference.yaml", HISTORY_FILE, PREDICTION_FILE, START_FILE)


def publish(folder: Path, out: Path, words: CardWords, tables: Sequence[Path] = ()) -> str:
    """Write the folder `out`, whole or not at all; give what to tell of it.

    tables: CSV files of `vita table build` that show the run. Raises UserError when `out` is there already, when the
    run is not finished, or when a table does not show it.
    """
    if out.exists():
        raise UserError(f"{out}: is there already; choose another --out, or remove it")
    run = read_published(folder, tables)
    repeated = [table for number, table in enumerate(tables) if table.name in {one.name for one in tables[:number]}]
    if repeated:
        raise UserError(f"--table {repeated[0]}: two tables of this name; name one of them")
    text, results = card(run, words), evaluation_results(run, words)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder / missing[0]}: no such file; what is published is a finished run's folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        place = Path(temporary) / "new"
        place.mkdir()
        _copy(run, tables, place)
        write_text(place / CARD, text)
        if results is not None and words.benchmark is not None:
            write_text(place / RESULTS / f"{words.benchmark.rpartition('/')[2]}.yaml", results)
        place.rename(out)
    return "\n".join(_told(run, out, words))


def _copy(run: PublishedRun, tables: Sequence[Path], place: Path) -> None:
    there = [name for name in WHERE_THERE if (run.folder / name).is_file()]
    copies = {run.folder / name: place / name for name in (*NEEDED, *there)}
    copies |= {run.folder / "metrics" / f"{name}.json": place / "metrics" / f"{name}.json" for name in run.metrics}
    copies |= {table: place / "tables" / table.name for table in tables}
    for source, copy in copies.items():
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, copy)


def _told(run: PublishedRun, out: Path, words: CardWords) -> list[str]:
    told = [f"{out}: {words.name}, with its card and records; nothing was uploaded"]
    if words.benchmark is None:
        told.append(f"no {RESULTS}/: it needs a benchmark of the hub (--benchmark OWNER/NAME)")
    if Path(run.config.dataset.root).is_absolute():
        told.append(f"config.yaml and record.json name a folder of this machine: {run.config.dataset.root}")
    return told
