"""Recordings of models in their released sizes, whose weights are made from a recipe instead of being stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vita.core.contract import UserError
from vita.official.conformance.recording import Recording, Tensors
from vita.official.contract import CPU

# What the released configuration files set, by the backbone in their names, where it is not the default.
SWIN_LARGE = {
    "MODEL.BACKBONE.NAME": "D2SwinTransformer",
    "MODEL.SWIN.EMBED_DIM": 192,
    "MODEL.SWIN.DEPTHS": [2, 2, 18, 2],
    "MODEL.SWIN.NUM_HEADS": [6, 12, 24, 48],
    "MODEL.SWIN.WINDOW_SIZE": 12,
    "MODEL.MASK_FORMER.NUM_OBJECT_QUERIES": 200,
}


@dataclass(frozen=True)
class FullSize:
    """One recording."""

    group: str
    config: str  # the released configuration file
    meta: Mapping[str, Any]
    recording: Recording
    stem: str

    @property
    def tensors(self) -> Tensors:
        """Its recorded outputs."""
        return self.recording.tensors(self.stem)


def full_size_recordings(folder: Path, project: str, device: torch.device = CPU) -> Iterator[FullSize]:
    """Those made from configuration files of one official project."""
    for path in sorted(folder.glob("*_meta.json")):
        name = path.stem.removesuffix("_meta")
        recording = Recording(folder, device)
        meta = recording.facts(path.stem)
        if "config" not in meta:
            raise UserError(f"{path}: no key 'config', which names the released configuration file")
        if meta["config"].partition("/")[0] == project:
            yield FullSize(f"{folder.name}/{name}", meta["config"], meta, recording, f"{name}_portable")


def released_keys(config: str) -> dict[str, Any]:
    """Sizes that a released configuration file sets, from its name. Raises UserError on an unknown backbone."""
    name = Path(config).stem.lower()
    if "swin" not in name:
        return {"MODEL.RESNETS.DEPTH": 101} if "r101" in name else {}
    if any(size in name for size in ("tiny", "small", "base")):
        raise UserError(f"{config}: of the Swin backbones only Swin-L is known")
    return dict(SWIN_LARGE)
