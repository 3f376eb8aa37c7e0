"""Sizes and work of all installed methods, counted on models without memory.

A method's own part is what it adds to its image detector. Work is counted (`vita.engine.counting`) for inference on
one video of T frames, divided by T.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from tabulate import tabulate
from torch import nn

from vita.core.contract import CountedMethod, UserError
from vita.core.csv_table import csv_text
from vita.core.files import write_text
from vita.core.plugins import find_method, installed_methods
from vita.core.progress import progress
from vita.data.augment.resize import short_edge_size
from vita.engine.counting import count_parameters, count_work
from vita.official.conformance.released_sizes import released_keys
from vita.official.plugins import find_official, has_official

BACKBONES = {"r50": 360, "r101": 360, "swin_l": 448}  # -> short edge in pixels at the release's test time
DEFAULT = "default"  # backbone of a method that has no official implementation, and so no names for others
VIDEO_SIZE = (720, 1280)  # of the stored frames, height and width in pixels
MAX_EDGE = 1333
CLASSES = 40  # of YouTube-VIS 2019 and 2021

HEADINGS = {
    "method": "method",
    "backbone": "backbone",
    "parameters": "parameters (M)",
    "own_parameters": "its own (M)",
    "added_percent": "added (%)",
    "height": "height",
    "width": "width",
    "gflops_per_frame": "GFLOPs a frame",
    "own_gflops_per_frame": "its own",
}


@dataclass(frozen=True)
class ModelCard:
    """One method on one backbone, in its released size. What a method cannot tell is None."""

    method: str
    backbone: str
    parameters: int
    height: int  # of the frames that the network gets, in pixels, before it pads them
    width: int
    frames: int
    own_parameters: int | None = None
    gflops_per_frame: float | None = None
    own_gflops_per_frame: float | None = None

    @property
    def added_percent(self) -> float | None:
        """Own parameters in percent of the detector's."""
        own = self.own_parameters
        return None if own is None else 100 * own / (self.parameters - own)

    def to_json(self) -> dict[str, str | float | None]:
        """Exact numbers, None where the method cannot tell."""
        return {**asdict(self), "added_percent": self.added_percent}


def model_cards(frames: int) -> Iterator[ModelCard]:
    """Every installed method on every backbone that it was released with, for a video of so many frames."""
    names = [(method, backbone) for method in installed_methods() for backbone in _short_edges(method)]
    with progress(len(names), "models") as bar:
        for method, backbone in names:
            yield model_card(method, backbone, frames)
            bar.update()


def model_card(method: str, backbone: str, frames: int) -> ModelCard:
    """One method on one backbone. Raises UserError when there is no such method or backbone."""
    short_edges = _short_edges(method)
    if backbone not in short_edges:
        raise UserError(f"unknown backbone '{backbone}' of {method}; allowed are {', '.join(short_edges)}")
    model = released_model(method, backbone)
    height, width = short_edge_size(*VIDEO_SIZE, short_edges[backbone], MAX_EDGE)
    video = torch.empty(frames, 3, height, width, dtype=torch.uint8, device="meta")
    card = ModelCard(method, backbone, count_parameters(model), height, width, frames)
    if not isinstance(model, CountedMethod):
        return card
    detector = model.image_detector
    work = count_work(model, detector, video)
    card = replace(card, gflops_per_frame=work.total / frames / 1e9)
    if detector is None:
        return card
    own_parameters, own_work = card.parameters - count_parameters(detector), work.total - work.in_detector
    return replace(card, own_parameters=own_parameters, own_gflops_per_frame=own_work / frames / 1e9)


def _short_edges(method: str) -> dict[str, int]:
    return BACKBONES if has_official(method) else {DEFAULT: BACKBONES["r50"]}


def released_model(method: str, backbone: str) -> nn.Module:
    """In evaluation mode, in its released size, without memory for its weights."""
    options = find_official(method).options(released_keys(backbone), {}) if has_official(method) else {}
    with torch.device("meta"):
        model = find_method(method).build(options, CLASSES)
    # Some libraries' weights ask for a device by name. The counter cannot follow what has, or may have, a gradient.
    return model.to("meta").eval().requires_grad_(False)


def tabulated(cards: list[ModelCard], out: Path | None) -> str:
    """The table to print. With `out`, exact numbers go to this CSV, and the table to an .md beside it."""
    frame = pd.DataFrame([card.to_json() for card in cards])
    cells = [[_cell(name, getattr(card, name)) for name in HEADINGS] for card in cards]
    headers = list(HEADINGS.values())
    note = f"Work for videos of {cards[0].frames} frames; {CLASSES} classes."
    if out is not None:
        write_text(out, csv_text(frame.convert_dtypes()))  # counts stay whole beside empty cells
        markdown = tabulate(cells, headers=headers, tablefmt="github", disable_numparse=True)
        write_text(out.with_suffix(".md"), f"# Models\n\n{markdown}\n\n{note}\n")
    return tabulate(cells, headers=headers, tablefmt="simple", disable_numparse=True) + f"\n\n{note}"


def _cell(name: str, value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if "parameters" in name:
        return f"{value / 1e6:.2f}"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
