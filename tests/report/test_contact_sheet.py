from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vita.core.contract import UserError
from vita.data.ytvis import Split, read_split
from vita.report.figures.contact_sheet import draw_contact_sheet
from vita.report.figures.overlay import OBJECT_COLOURS


@pytest.fixture(scope="module")
def split(videos: Path) -> Split:
    return read_split(videos / "train" / "instances.json", videos / "train" / "JPEGImages")


def test_one_row_a_video(split: Split, tmp_path: Path) -> None:
    sizes = {}
    for videos in (1, 2):
        out = tmp_path / f"{videos}.png"
        draw_contact_sheet(split, videos, 3, out)
        sizes[videos] = Image.open(out).size
    assert sizes[2][0] == sizes[1][0]
    assert sizes[2][1] == pytest.approx(2 * sizes[1][1], abs=2)


def test_masks_colour_the_picture(split: Split, tmp_path: Path) -> None:
    def orange(instances: tuple) -> int:
        draw_contact_sheet(replace(split, instances=instances), 1, 3, tmp_path / "sheet.png")
        picture = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(float)
        grey = picture - 0.7 * OBJECT_COLOURS[0]  # what is left is 0.3 of a grey, equal in all channels
        return int((np.ptp(grey, axis=-1) < 6).sum())

    nothing = orange(((), *split.instances[1:]))
    assert orange(split.instances) > nothing + 1000


def test_pdf(split: Split, tmp_path: Path) -> None:
    draw_contact_sheet(split, 1, 20, tmp_path / "sheet.pdf")  # more frames asked for than there are
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


def test_bad_requests(split: Split, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sheet.bmp: a contact sheet is written as .png or .pdf"):
        draw_contact_sheet(split, 1, 3, tmp_path / "sheet.bmp")
    with pytest.raises(UserError, match="no video to show"):
        draw_contact_sheet(replace(split, videos=(), instances=()), 1, 3, tmp_path / "sheet.png")
    assert not list(tmp_path.iterdir())


def test_no_blank_margins(split: Split, tmp_path: Path) -> None:
    """Frames reach to both sides and to the bottom; a video of fewer frames than asked for takes no more room."""
    draw_contact_sheet(split, 2, 50, tmp_path / "sheet.png")
    grey = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))
    white = grey > 250
    left, right, bottom = white[:, 2], white[:, -3], white[-3]
    title = round(300 * 0.2)  # pixels above each of the two rows
    assert left.sum() <= 2 * title + 4 and right.sum() <= 2 * title + 4
    assert bottom.mean() < 0.05  # the gaps between frames
