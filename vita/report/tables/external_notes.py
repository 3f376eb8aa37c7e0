"""What stands below a table of its external results: whose they are, and what is not known of them."""

from __future__ import annotations

from collections.abc import Iterator

from vita.experiments.config import ResolvedRow, TableSpec
from vita.experiments.external import ExternalRow

EXTERNAL_ROWS = (
    "Rows marked `external` were predicted by other code, imported, and scored here as all others; what they were "
    "trained on, and how, is not known here."
)


def external_notes(spec: TableSpec) -> Iterator[str]:
    """A sentence for all of them, and one for each: its origin, the record of its import, what must be said of it."""
    rows = [(row, row.external) for row in spec.rows if row.external is not None and row.not_run is None]
    if rows:
        yield EXTERNAL_ROWS
    yield from dict.fromkeys(_told(spec, row, external) for row, external in rows)


def _told(spec: TableSpec, row: ResolvedRow, external: ExternalRow) -> str:
    words = [external.citation, external.source, f"commit {external.commit}" if external.commit else ""]
    told = f"{_named(row)}: {'; '.join(filter(None, [*words, external.record]))}."
    if external.empty_videos:
        told += f" It predicted nothing in {external.empty_videos} of the videos that it was imported for."
    reference = spec.reference_of(row)
    if reference is not None and reference.key != row.key | (spec.reference or {}):
        told += f" It is compared with {_named(reference)}."
    return told


def _named(row: ResolvedRow) -> str:
    """Its cells, but those that all rows of a table may share."""
    return ", ".join(str(cell) for cell in row.key.values())
