"""The report: one page that stands by itself, of whatever a folder of results holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from markupsafe import Markup

from vita.core.contract import UserError
from vita.core.files import write_text
from vita.report.pages.claims_section import claims_section
from vita.report.pages.cost_section import cost_section
from vita.report.pages.environment_section import environment_section
from vita.report.pages.external_section import external_section
from vita.report.pages.found import BEYOND, Found, FoundTable, find_results
from vita.report.pages.html import page, render
from vita.report.pages.pictures_section import pictures_section
from vita.report.pages.runs_section import runs_section
from vita.report.pages.table_section import place_of, table_section

FRONT = "Table 6"  # what the page begins with, where it is there; else the first table


def write_report(results: Path, out: Path) -> list[str]:
    """Write `out` from a folder of results; give what of it could not be read, a line each.

    Raises UserError when there is nothing to show, or `out` cannot be written.
    """
    found = find_results(results)
    write_text(out, report(found))
    return found.problems


def report(found: Found) -> str:
    """The page: the front table and the claims, all other tables and figures, pictures, runs, environment, cost."""
    shown = {run.words: run.state for run in found.runs}
    front, others = front_table(found.tables)
    own = {table.name: [figure for figure in found.figures if figure.name == table.name] for table in found.tables}

    def of(table: FoundTable) -> Markup:
        return table_section(table, shown, own[table.name])

    alone = [figure for figure in found.figures if figure.name not in own]
    folders = [run.folder for run in found.runs]
    sections = {
        "front": [of(front)] if front else [],
        "claims": [claims_section(found.claims, [*shown])] if found.claims is not None else [],
        "tables": [*map(of, others)],
        "figures": [render("figures_section.html.j2", figures=alone)] if alone else [],
        "pictures": _attempt(found, lambda: pictures_section(found.runs)) if found.runs else [],
        "runs": _attempt(found, lambda: runs_section(found.runs)) if found.runs else [],
        "external": _attempt(found, lambda: external_section(found.external)) if found.external else [],
        "environment": [environment_section(found.runs)] if any(run.trained for run in found.runs) else [],
        "cost": [cost_section(folders)] if any(run.trained for run in found.runs) else [],
    }
    tables = [(place_of(table), _short_name(table), table.readable.title) for table in found.tables]
    top = render("contents.html.j2", sections=sections, tables=tables, problems=found.problems, tiers=found.tiers)
    tiers = f" (tier {', '.join(found.tiers)})" if found.tiers else ""
    return page(f"VITA: results{tiers}", top, *(section for some in sections.values() for section in some))


def _short_name(table: FoundTable) -> str:
    """What the contents call it."""
    return table.item if table.item != BEYOND else table.spec.title if table.spec else table.name


def front_table(tables: Sequence[FoundTable]) -> tuple[FoundTable | None, list[FoundTable]]:
    """The table that the page begins with, and the others."""
    front = next((table for table in tables if table.item == FRONT), tables[0] if tables else None)
    return front, [table for table in tables if table is not front]


def _attempt(found: Found, section: Callable[[], Markup]) -> list[Markup]:
    try:
        return [section()]
    except UserError as error:
        found.problems.append(str(error))
        return []
