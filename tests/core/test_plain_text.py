"""Names that people chose, in every format that a table is written in: what is read there is what they chose."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from docutils.core import publish_doctree
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vita.core.csv_table import csv_text, read_csv
from vita.core.plain_text import FORMULA, LONGEST_LINE, csv_cell, error_line, from_csv_cell, markdown, one_line, rst
from vita.report.figures.style import styled
from vita.report.tables.forms import ReadableTable, grid
from vita.report.tables.latex import escaped, tabular

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a | b || c",
    "back\\slash \\| pipe \\<i>",
    "[click](javascript:alert(1))",
    "[ref][1]",
    "two\nlines\n\nand a paragraph",
    "\r\x1b[31mred\x00",
    "right\u202eto left",
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "-1+2|' /C calc'!A0",
    "+49 30",
    "\t=1",
    "'=1",
    "50 % of $5 & #1 {x}_y^z~",
    "\\input{/etc/passwd}",
    "% \n\\end{tabular}",
    "|x|_ `y` *z* **",
    ".. raw:: html",
]
TEXT = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=30), st.text("|\\<>[]()=+-@'\n\t a1.e", min_size=1, max_size=12)
)


class Cells(HTMLParser):
    """Text of the cells of all tables, and every tag, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._inside = tag in ("td", "th")
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_a_markdown_table_keeps_its_cells(rows: list[tuple[str, str]]) -> None:
    rendered = MarkdownIt("commonmark").enable("table").render(grid(("a", "b"), rows, "github"))
    assert rendered.count("<tr>") == len(rows) + 1 and rendered.count("<td>") == 2 * len(rows)
    assert not {"script", "img", "a", "i"} & set(Cells(rendered).tags)


@pytest.mark.parametrize("text", [text for text in HOSTILE if "*" not in text and "`" not in text])
def test_markdown_shows_what_was_written(text: str) -> None:
    shown = Cells(MarkdownIt("commonmark").enable("table").render(grid(("a",), [[text]], "github"))).cells
    assert shown == ["a", one_line(text)]


@given(TEXT)
def test_a_line_is_one(text: str) -> None:
    for plain in (one_line(text), markdown(text), rst(text), escaped(text)):
        assert len(plain.splitlines()) <= 1 and plain.isprintable()


@given(TEXT)
def test_csv_text_is_no_formula_and_comes_back(text: str) -> None:
    written = csv_cell(text)
    assert from_csv_cell(written) == text.replace("\r\n", "\n").replace("\r", "\n")
    if written.strip("\t\r\n ").startswith(FORMULA):
        float(written)  # a number


def test_a_csv_table_comes_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"=name": HOSTILE, "AP": [-1.5] * len(HOSTILE), "n": [1, None] + [2] * (len(HOSTILE) - 2)})
    frame["n"] = frame["n"].astype("Int64")
    text = csv_text(frame)
    assert "\n'=name" not in text and text.startswith("'=name,AP,n\n")
    for row in list(csv.reader(StringIO(text, newline="")))[1:]:
        assert not row[0].lstrip().startswith(FORMULA) and row[1] == "-1.5"
    (tmp_path / "a.csv").write_bytes(text.encode())
    read = read_csv(tmp_path / "a.csv", "table", "a test", ("=name",))
    for name, expected in zip(read["=name"], HOSTILE, strict=True):
        assert name == expected.replace("\r", "\n")


def test_a_table_in_all_forms(tmp_path: Path) -> None:
    title = "A <b>title</b>\n\\end{tabular} % | =1"
    table = ReadableTable(title, ["name"], [[text] for text in HOSTILE], ["<script>note</script>\n# not a heading"])
    rows = [escaped("name") + " \\\\", *(escaped(text) + " \\\\" for text in HOSTILE)]
    table.write(tmp_path / "t.csv", tabular((title, *table.notes), "", "l", rows, "}\n"), "")
    page = Cells((tmp_path / "t.html").read_text(encoding="utf-8"))
    assert page.cells == ["name", *HOSTILE] or len(page.cells) == 1 + len(HOSTILE)
    plain = ReadableTable("A title", ["name"], [["a"] for _ in HOSTILE], ["a note"])
    plain.write(tmp_path / "plain.csv", "", "")
    assert page.tags == Cells((tmp_path / "plain.html").read_text(encoding="utf-8")).tags, "texts make no elements"
    latex = (tmp_path / "t.tex").read_text(encoding="utf-8")
    assert latex.count("\\end{tabular}") == 2 and latex.splitlines()[0].endswith("=1"), "one lies in a comment"
    assert "\n\n" not in latex and "\\input" not in latex
    readable = MarkdownIt("commonmark").enable("table").render((tmp_path / "t.md").read_text(encoding="utf-8"))
    assert readable.count("<h1>") == 1 and "<script>" not in readable and "<b>" not in readable


@pytest.mark.parametrize("text", HOSTILE)
def test_a_caption_is_one_paragraph_of_its_text(text: str) -> None:
    tree = publish_doctree(rst(text), settings_overrides={"report_level": 5, "halt_level": 5})
    assert [node.tagname for node in tree.children] == ["paragraph"]
    assert tree.astext() == one_line(text)


def test_a_dollar_sign_in_a_figure_is_one(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    with styled():
        figure = Figure()
        figure.text(0.5, 0.5, "from $5^ to $\\frac{")
        figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size


def test_the_middle_of_a_long_error_is_left_out():
    assert error_line("no\nsuch\x1b file") == "no such file"
    assert error_line("e" * LONGEST_LINE) == "e" * LONGEST_LINE
    line = error_line(f"mine.yaml: key 'a' is '{'é' * 5000}'; it must be a whole number")
    assert len(line) < LONGEST_LINE + 10
    assert line.startswith("mine.yaml: key 'a' is 'é")
    assert line.endswith("é'; it must be a whole number")
