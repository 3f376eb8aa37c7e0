"""External results on the page of all runs: whose they are, which files, and how their scoring ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from vita.core.config_base import load
from vita.core.records import ImportRecord, read_record
from vita.experiments.external import EXTERNAL_FILE, ExternalConfig
from vita.report.pages.html import note, section, table
from vita.report.runs.tidy_rows import external_row

HEADERS = [
    "result",
    "data set",
    "seed",
    "status",
    "AP",
    "backbone",
    "source",
    "commit",
    "file",
    "SHA-256",
    "categories",
    "imported",
]


def external_section(folders: Sequence[Path]) -> Markup:
    """A row for each seed of each result.

    folders: of the seeds in one tier. Raises UserError naming a file that is missing or unreadable.
    """
    rows = [_row(folder) for folder in folders]
    told = note("Predicted by other code and imported; nothing is known here of how their weights were trained.")
    classes = ["failed" if row[3].startswith("failed") else "" for row in rows]
    return section("External", told, table(HEADERS, rows, classes))


def _row(folder: Path) -> list[str]:
    config, scored = load(ExternalConfig, folder / EXTERNAL_FILE), external_row(folder)
    record = read_record(ImportRecord, Path(config.record))
    origin = record.origin
    file = next(one for one in record.files if one.seed == config.seed)
    ap = scored.get("AP")
    return [
        f"{origin.title} ({config.method})",
        record.dataset,
        str(config.seed),
        ": ".join(filter(None, [scored["status"], scored.get("error", "")])),
        "" if ap is None else f"{ap:.1f}",
        origin.backbone,
        "; ".join(filter(None, [origin.citation, origin.source])),
        origin.commit,
        file.file,
        file.sha256[:12],
        record.categories_by,
        record.imported_at,
    ]
