"""Text that people chose, put into formats in which some characters mean something."""

from __future__ import annotations

import re

LONGEST_LINE = 2000  # characters of an error
FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes a cell that begins so


def one_line(text: str) -> str:
    """Without ends of lines, control characters and turns of the direction of writing; each stretch is one space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def error_line(text: str) -> str:
    """A message as it is printed: one line, without the middle of what is too long, as what a file holds may be."""
    line = one_line(text)
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} [...] {line[-half:]}"


def markdown(text: str) -> str:
    """The same characters when rendered: no HTML, no link, no further cell or line."""
    return re.sub(r"[\\|<]|(?<=\])(?=[(\[])", lambda found: f"\\{found.group()}", one_line(text))


def rst(text: str) -> str:
    """The same characters when rendered, as one paragraph."""
    return re.sub(r"([\\*`|_<>:]|^[^\w\s])", r"\\\1", one_line(text))


def csv_cell(text: str) -> str:
    """As a spreadsheet shows it and does not compute it: what is no number has a quote before a formula's sign.

    Lines end in one way, since a carriage return alone stands unquoted in the files of pandas, and ends a row.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    guarded = text.lstrip("'\t\r\n ").startswith(FORMULA) and not _is_number(text)
    return f"'{text}" if guarded else text


def from_csv_cell(text: str) -> str:
    """What `csv_cell` was given, but for the ends of lines."""
    return text[1:] if text.startswith("'") and csv_cell(text[1:]) == text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
