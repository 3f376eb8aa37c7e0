"""What the runs ran on, each value with the number of records that have it, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from vita.core.records import RunRecord
from vita.report.pages.html import note, section, table
from vita.report.pages.run_folder import RunFolder


def environment_section(folders: Sequence[RunFolder]) -> Markup:
    """Of all records of the runs."""
    told = [
        _environment(folder, record) for folder in folders for record in (folder.trained, folder.predicted) if record
    ]
    names = [*dict.fromkeys(name for one in told for name in one)]
    rows = [[name, *value] for name in names for value in _counted(one.get(name) for one in told)]
    differ = [name for name in names if sum(row[0] == name for row in rows) > 1]
    text = f"Runs differ in: {', '.join(differ)}." if differ else "All runs are alike in all of this."
    return section("Environment", note(text), table(["what", "value", "records"], rows))


def _environment(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    own, _, of_method = record.source_digest.partition("+")
    method = {f"source of {folder.names['method']}": of_method} if of_method else {}
    machine = record.model_dump(include={"python", "machine", "device", "processes", "threads"})
    return {**machine, "source": own, **dict(sorted(record.versions.items())), **method}


def _counted(values: Iterable[Any]) -> list[list[str]]:
    counted = pd.Series([str(value) for value in values if value is not None], dtype=str).value_counts()
    return [[str(value), str(count)] for value, count in counted.sort_index().items()]
