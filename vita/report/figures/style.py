"""What all figures share: widths, fonts, colours and line styles, and how they are written.

`styled()` goes around drawing and `save`; outside of it matplotlib is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from vita.core.files import atomic_write

COLUMN_INCHES, TEXT_INCHES = 3.3, 6.9  # widths of a column and of a page of two
FONT_POINTS, SMALL_POINTS, TINY_POINTS = 8.0, 7.0, 6.0

# Okabe and Ito's colours, told apart with any colour vision; line styles tell curves apart in grey too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D")

FORMATS = (".pdf", ".png")
_DOTS_PER_INCH = 300

# A font that comes with matplotlib: the same picture on every machine. Type 42 keeps text in a PDF searchable.
_PARAMETERS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "text.parse_math": False,  # a dollar sign in a name is one
    "font.size": FONT_POINTS,
    "axes.labelsize": FONT_POINTS,
    "axes.titlesize": FONT_POINTS,
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
    "legend.fontsize": SMALL_POINTS,
    "legend.frameon": False,
    "legend.title_fontsize": SMALL_POINTS,
    "legend.handlelength": 3.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.0,
    "pdf.fonttype": 42,
    "savefig.dpi": _DOTS_PER_INCH,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save inside."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a matplotlibrc says
        mpl.rcParams.update(_PARAMETERS)
        yield


def save(figure: Figure, out: Path) -> None:
    """Write `out` as .pdf and .png, whatever its ending. The same figure is the same bytes: no date is written."""
    for ending in FORMATS:
        write(figure, out.with_suffix(ending))


def write(figure: Figure, path: Path) -> None:
    """One file, in the format of its ending."""
    metadata = {"CreationDate": None} if path.suffix == ".pdf" else {}
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], metadata=metadata)
