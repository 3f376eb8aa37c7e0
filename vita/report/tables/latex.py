"""A table for a paper: a tabular of booktabs in the columns that papers print, with its legend below.

It stands in braces of its own, so that its type size ends with it, and goes into a table environment as it is.
Every table fits a text width of 5.5 inches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import pandas as pd

from vita.core.plain_text import one_line
from vita.experiments.config import TableSpec
from vita.experiments.external import EXTERNAL
from vita.report.tables.forms import texts
from vita.report.tables.inputs import SOURCES
from vita.report.tables.notes import smallest_differences
from vita.report.tables.rows import METHOD
from vita.report.tables.text import Line, interval, is_beyond, mean, other_scores

LONG_TEXT = 30  # characters; a column of keys with longer cells is broken into lines
BLOCK = 4  # rows; a cell that holds for as many stands above them as a heading
SPECIAL = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    "±": "$\\pm$",
    "[": "{[}",  # behind the end of a row it would open an option
}
HEADERS = {
    "interval": "95\\,\\% interval",
    "difference": "$\\Delta$",
    "paper_AP": "paper",
    "max_frames": "frames",
    "paper_max_frames": "paper frames",
}
NOT_AVAILABLE = "n/a"
REPORTED, NOT_COMPARABLE, PREDICTED, BEYOND = "^{\\dagger}", "^{\\ddagger}", "^{p}", "^{\\ast}"
OF_OTHERS = "^{e}"
VERDICTS = {
    "inside the noise": "^{\\circ}",
    "too few trainings": "^{t}",
    "too few videos": "^{v}",
    "one training each": "^{1}",
    "one video": "^{1v}",
}


def as_latex(title: str, spec: TableSpec, frame: pd.DataFrame, keys: Sequence[str], notes: Sequence[str]) -> str:
    """What must be said of the table stands in comments above it, what its marks mean in a legend below."""
    lines = [_cells(spec, line, keys) for line in texts(frame)]
    block = _block(lines, keys)
    names = [n for n in lines[0] if n != block and (n in keys or any(line[n] for line in lines))]
    kinds = "".join(_kind(name, [line[name] for line in lines], keys) for name in names)
    header = latex_row(HEADERS.get(name) or escaped(name.replace("_", " ")) for name in names)
    legend = f"\\par\n\\vspace{{2pt}}\\scriptsize {' '.join(_legend(spec, frame))}\\par\n}}\n"
    look = "\\footnotesize\\setlength{\\tabcolsep}{2.5pt}\\centering"
    return tabular((title, *notes), look, kinds, [header, *_body(lines, names, block)], legend)


def tabular(comments: Sequence[str], look: str, kinds: str, rows: Sequence[str], end: str) -> str:
    """A tabular of booktabs in an open brace, under its title and notes as comments; rows: the header is the first."""
    title, *notes = map(one_line, comments)
    return "\n".join(
        [
            *(f"% {line}" for line in (title, "needs \\usepackage{booktabs}", *notes)),
            f"{{{look}",
            f"\\begin{{tabular}}{{@{{}}{kinds}}}",
            "\\toprule",
            rows[0],
            "\\midrule",
            *rows[1:],
            "\\bottomrule",
            f"\\end{{tabular}}{end}",
        ]
    )


def escaped(text: str) -> str:
    """The same characters when printed, in one line: an empty one ends a paragraph, which no cell survives."""
    return "".join(SPECIAL.get(char, char) for char in one_line(text))


def _block(lines: Sequence[Mapping[str, str]], keys: Sequence[str]) -> str | None:
    """The first key whose cells come in blocks of several rows, if there are other keys; rows without it do no harm."""
    for name in keys if len(keys) > 1 else ():
        blocks = [(cell, len(list(rows))) for cell, rows in groupby(lines, itemgetter(name))]
        lengths = [length for cell, length in blocks if cell]
        if 1 < len(blocks) == len(dict(blocks)) and min(lengths) >= BLOCK:
            return name
    return None


def _body(lines: Sequence[Mapping[str, str]], names: Sequence[str], block: str | None) -> Iterator[str]:
    if block is None:
        yield from (latex_row(line[name] for name in names) for line in lines)
        return
    for cell, rows in groupby(lines, itemgetter(block)):
        yield "\\addlinespace"
        if cell:
            yield f"\\multicolumn{{{len(names)}}}{{@{{}}l}}{{\\emph{{{cell}}}}} \\\\"
        yield from _body(list(rows), names, None)


def latex_row(cells: Iterable[str]) -> str:
    """Cells that are escaped already, and the end of their row."""
    return " & ".join(cells) + " \\\\"


def _kind(name: str, cells: Sequence[str], keys: Sequence[str]) -> str:
    if name not in keys:
        return "r"
    return "p{4.5cm}" if max(map(len, cells)) > LONG_TEXT else "l"


def _cells(spec: TableSpec, line: Line, keys: Sequence[str]) -> dict[str, str]:
    reported = line["source"] == "reported"
    paper, difference = line.get("paper_AP", ""), line.get("difference", "")
    cells = {name: escaped(line[name]) for name in keys}
    if is_beyond(line):
        cells[METHOD] += f"${BEYOND}$"
    cells |= {"AP": _marked(paper, REPORTED) if reported else _mean(line), "interval": interval(line, "[{}, {}]")}
    cells |= other_scores(line) | {score: line[score] for score in spec.scores}
    verdict = VERDICTS.get(line.get("verdict", ""), "")
    cells["difference"] = _marked(f"${difference}$" if difference else "", verdict)
    cells["paper_AP"] = "" if reported else _marked(paper, NOT_COMPARABLE if line["comparable"] == "no" else "")
    for name in ("max_frames", "paper_max_frames") if spec.max_frames else ():
        cells[name] = _short(line[name])
    return cells


def _short(cell: str) -> str:
    """A number of frames."""
    if cell == "not available":
        return NOT_AVAILABLE
    number, _, predicted = cell.partition(" ")
    return f"{number}${PREDICTED}$" if predicted else number


def _mean(line: Line) -> str:
    """The number of seeds stands behind the mean; a row without one has a dash, or says that it failed."""
    found = _marked(mean(line, "\\,$\\pm$\\,"), OF_OTHERS if line["source"] == EXTERNAL else "")
    return found or ("failed" if line["source"] == "failed" else "---")


def _marked(number: str, mark: str) -> str:
    """mark: an exponent, which takes no room, so that numbers stay in line."""
    return f"{number}\\rlap{{${mark}$}}" if number and mark else number


def _legend(spec: TableSpec, frame: pd.DataFrame) -> list[str]:
    """A sentence for each mark that occurs."""
    sources, verdicts = set(frame["source"]), set(frame.get("verdict", ()))
    missing = "; ".join(sorted(sources - {*SOURCES, "reported", "failed"}))
    reference = ", ".join(f"{name} {cell}" for name, cell in (spec.reference or {}).items())
    compared = bool(verdicts & {"higher", "lower", *VERDICTS})
    told = [
        ("AP: mean\\,$\\pm$\\,standard deviation (number of seeds).", bool(sources & {*SOURCES})),
        ("Intervals: of the videos, by bootstrap; from three seeds on of trainings too.", bool(sources & {*SOURCES})),
        (f"${OF_OTHERS}$ External: predicted by other code, scored here.", EXTERNAL in sources),
        (f"$\\Delta$: AP less that of {escaped(reference)}.", compared),
        (escaped(smallest_differences(frame)), compared),
        *((f"${mark}$ {verdict.capitalize()}.", verdict in verdicts) for verdict, mark in VERDICTS.items()),
        (f"${REPORTED}$ As reported, not run by us.", "reported" in sources),
        (f"${NOT_COMPARABLE}$ Other data, model or labels: not comparable.", _any_not_comparable(frame)),
        (f"{NOT_AVAILABLE}: not available.", spec.max_frames),
        (f"${PREDICTED}$ From shapes alone: released model, 12 GiB, 360 x 640.", _any_predicted(frame)),
        (f"${BEYOND}$ Not a method of the paper's table.", _any_beyond(frame)),
        (f"---: {escaped(missing)}.", bool(missing)),
    ]
    return [sentence for sentence, applies in told if applies]


def _any_beyond(frame: pd.DataFrame) -> bool:
    return "in_paper" in frame and not frame["in_paper"].all()


def _any_predicted(frame: pd.DataFrame) -> bool:
    return "max_frames" in frame and bool(frame["max_frames"].astype(str).str.endswith("predicted").any())


def _any_not_comparable(frame: pd.DataFrame) -> bool:
    return "paper_AP" in frame and bool((frame["comparable"].eq(other=False) & frame["paper_AP"].notna()).any())
