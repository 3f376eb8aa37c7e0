"""Every key of the official full-size models and its shape; a model's weights by those keys."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from vita.official.checkpoints.state_dict import official_names_of
from vita.official.contract import ReferenceAdapter

Layout = dict[str, tuple[int, ...]]

# Trained numbers of the same models, backbones' frozen batch norms left out.
PARAMETERS = {
    "vita_r50": 57_135_058,
    "vita_r101": 76_074_962,
    "vita_swinl": 228_712_390,
    "mask2former_vis_r50": 43_959_977,
    "mask2former_vis_swinl": 215_511_709,
    "ifc_r50": 39_148_009,
}
NAMES = tuple(PARAMETERS)


def read_layout(name: str) -> Layout:
    """The layout of one model for 40 classes."""
    file = Path(__file__).parent / "official" / "checkpoints" / "official_layouts.json.gz"
    return {key: tuple(shape) for key, shape in json.loads(gzip.decompress(file.read_bytes()))[name].items()}


def to_official(model: nn.Module, official: ReferenceAdapter) -> dict[str, Tensor]:
    """The model's weights as an official state dict."""
    return {**official_names_of(model.state_dict(), official), **official.constants(model)}


def random_state(layout: Layout) -> dict[str, Tensor]:
    """Random weights of any size in little memory: each tensor is a piece of one buffer, at a place of its own."""
    largest = max(map(math.prod, layout.values()))
    numbers = torch.rand(largest + len(layout), generator=torch.Generator().manual_seed(0))
    return {
        key: numbers[start : start + math.prod(shape)].view(shape) for start, (key, shape) in enumerate(layout.items())
    }
