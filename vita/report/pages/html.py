"""Pages of the report: plain HTML that stands by itself, readable at the width of a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

UNBROKEN = 20  # characters; a cell of so many, as a difference with its interval, stays on one line
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; margin: 1.5rem auto; max-width: 82rem; padding: 0 1rem }
h1 { font-size: 1.3rem; margin: 0 0 .8rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .85rem }
th { text-align: left; border-top: 2px solid #1a1a1a; border-bottom: 1px solid #1a1a1a; padding: .3rem .45rem }
td { padding: .22rem .45rem; border-bottom: 1px solid #e6e6e6; vertical-align: top } td.number { text-align: right }
td.short, td.number { white-space: nowrap } td.path { overflow-wrap: anywhere }
tr.reported td { color: #767676 } tr.failed td { color: #b03a00 } tr.missing td { color: #767676; font-style: italic }
p.note { color: #444; max-width: 55rem; margin: .5rem 0 }
"""


def page(title: str, *sections: str) -> str:
    """A whole document."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f"<!doctype html>\n<html lang=en><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n" + "\n".join(
        [*sections, "</body></html>\n"]
    )


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], classes: Sequence[str] = ()) -> str:
    """Cells as text; those that read as numbers stand to the right. classes: of the rows, "" for none."""
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    body = []
    for number, row in enumerate(rows):
        of_row = f' class="{classes[number]}"' if classes and classes[number] else ""
        body.append(f"<tr{of_row}>{''.join(map(_cell, row))}</tr>")
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n' + "\n".join(body) + "\n</table></div>"


def heading(text: str) -> str:
    """Of a section."""
    return f"<h2>{escape(text)}</h2>"


def note(text: str) -> str:
    """A line that explains."""
    return f'<p class="note">{escape(text)}</p>'


def _cell(text: str) -> str:
    number = text.lstrip("+-").replace(".", "", 1).isdigit()
    kind = "number" if number else "short" if len(text) <= UNBROKEN else "" if " " in text else "path"
    of_cell = f' class="{kind}"' if kind and text else ""
    return f"<td{of_cell}>{escape(text)}</td>"
