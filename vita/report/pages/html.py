"""HTML of all pages: whole documents that stand by themselves, and tables whose columns sort on a click.

Text is escaped by the templates, whoever wrote it; `Markup` is what they have made.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vita.core.contract import UserError

UNBROKEN = 20  # characters; a cell of so many, as a difference with its interval, stays on one line
PROSE = 70  # characters; a cell of so many is as wide as a column of text
# Cells that no measurement stands behind, by how their text ends or begins.
KINDS = (
    ("predicted", re.compile(r"\bpredicted$")),
    ("failed", re.compile(r"^failed\b")),
    ("missing", re.compile(r"^(not (run|available|evaluated|comparable)|no weights)\b")),
)


def data_url(picture: Path | bytes) -> str:
    """A PNG file, or the bytes of a JPEG, as an address that holds it. Raises UserError when it cannot be read."""
    if isinstance(picture, bytes):
        return f"data:image/jpeg;base64,{b64encode(picture).decode()}"
    try:
        return f"data:image/png;base64,{b64encode(picture.read_bytes()).decode()}"
    except OSError as error:
        raise UserError(f"{picture}: cannot be read: {error.strerror}") from None


def with_code(text: str) -> Markup:
    """What stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:  # one that has no partner is one
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


_TEMPLATES = Environment(
    loader=PackageLoader("vita.report.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters.update(data_url=data_url, with_code=with_code)


@dataclass(frozen=True)
class Links:
    """The content of a cell that leads elsewhere on the page: words and where to, in turn."""

    places: Sequence[tuple[str, str]]

    def __str__(self) -> str:
        return " ".join(text for text, _ in self.places)


Content = str | Links


@dataclass(frozen=True)
class Cell:
    """One cell as the template shows it. kinds: classes.  value: what it is sorted by, None by its text.

    href: where its number leads, "" nowhere.
    """

    content: Content
    kinds: str
    value: float | None
    href: str

    @property
    def links(self) -> Sequence[tuple[str, str]]:
        """Of a cell that is nothing but links."""
        return self.content.places if isinstance(self.content, Links) else ()


def render(template: str, **values: Any) -> Markup:
    """A template of this folder with its values, which are escaped unless they are `Markup`."""
    return Markup(_TEMPLATES.get_template(template).render(values))


def page(title: str, *sections: str) -> str:
    """A whole document. Sections are what the functions below give."""
    return render("page.html.j2", title=title, sections=sections)


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[Content]],
    classes: Sequence[str] = (),
    hrefs: Sequence[str] = (),
    linked: Sequence[str] = (),
    predicted: Sequence[str] = (),
) -> Markup:
    """Cells as text; those that read as numbers stand to the right. classes: of the rows, "" for none.

    hrefs: where the numbers of each row lead, "" nowhere.  linked: headers of the columns whose numbers do.
    predicted: headers of columns whose numbers are no measurements.
    """
    lines = []
    for number, row in enumerate(rows):
        href = hrefs[number] if hrefs else ""
        cells = [
            _cell(content, href if name in linked else "", name in predicted)
            for name, content in zip(headers, row, strict=True)
        ]
        lines.append((classes[number] if classes else "", cells))
    return render("table.html.j2", headers=headers, lines=lines)


def section(title: str, *parts: str) -> Markup:
    """A part of a page under a heading, which is also its anchor. Parts are what these functions give."""
    return render("section.html.j2", place=anchor(title).lower(), title=title, parts=parts)


def heading(text: str) -> Markup:
    """Of a section."""
    return Markup("<h2>{}</h2>").format(text)


def note(text: str) -> Markup:
    """A line that explains."""
    return Markup('<p class="note">{}</p>').format(with_code(text))


def anchor(text: str) -> str:
    """A place on a page: letters, digits and hyphens of `text`."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def _cell(content: Content, href: str, is_predicted: bool) -> Cell:
    text = str(content)
    value = _leading_number(text)
    is_number = text.lstrip("+-").replace(".", "", 1).isdigit()
    words = "path" if " " not in text else "long" if len(text) < PROSE else "prose"
    look = "number" if is_number else "short" if len(text) <= UNBROKEN else words
    kinds = ["runs"] if isinstance(content, Links) else [look] if text else []
    kinds += ["predicted"] if is_predicted and text else [name for name, pattern in KINDS if pattern.search(text)]
    return Cell(content, " ".join(filter(None, kinds)), value, href if value is not None else "")


def _leading_number(text: str) -> float | None:
    """Of "58.7 ± 0.7 (2)" 58.7; None where a word comes first."""
    found = re.match(r"\(?([+-]?\d+(?:\.\d+)?)(?![\w.])", text)
    return float(found.group(1)) if found else None
