"""Models, clips and videos of the checks: released sizes on a card, tiny ones on a CPU.

Legend: B clips, T frames, N instances, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu_check.report import Bench
from vita.core.contract import Clip, Losses
from vita.core.plugins import find_method
from vita.engine.batch_transfer import to_device
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file, overlay

METHODS = ("vita", "mask2former_vis", "ifc")
LIBRARY = Path(__file__).parents[2] / "workflow" / "config" / "methods"
CLASSES = 40


def options(bench: Bench, method: str, backbone: str = "r50") -> dict[str, Any]:
    """As released with this backbone on a card; the tiny preset on a CPU."""
    described = load_file(MethodConfig, LIBRARY / f"{method}.yaml")
    preset, chosen = ("release", backbone) if bench.is_card else ("tiny", "tiny")
    found: dict[str, Any] = overlay(described.presets[preset], described.backbones[chosen])
    return found


def build(bench: Bench, method: str, backbone: str = "r50") -> nn.Module:
    """A model with random weights, always the same, on the CPU."""
    torch.manual_seed(0)
    return find_method(method).build(options(bench, method, backbone), CLASSES)


def clips(count: int, frames: int, height: int, width: int, objects: int = 3) -> list[Clip]:
    """B clips of noise with a few rectangles; always the same."""
    random = torch.Generator().manual_seed(2)
    edges = torch.linspace(0, height, objects + 2).long()
    made = []
    for number in range(count):
        masks = torch.zeros(objects, frames, height, width, dtype=torch.bool)
        for n in range(objects):
            masks[n, :, edges[n] : edges[n + 2], width // 8 : width // 2] = True
        ids = torch.arange(objects)[:, None].expand(objects, frames).clone()
        pictures = torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=random)
        labels = torch.randint(0, CLASSES, (objects,), generator=random)
        made.append(Clip(pictures, masks, labels, ids, ids >= 0, number, tuple(range(frames))))
    return made


@dataclass
class Noise:
    """A `FrameSource` of smooth noise in memory, always the same."""

    frames: int
    height: int
    width: int
    out_height: int
    out_width: int
    pictures: Tensor = field(init=False)

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(3)
        coarse = torch.rand(self.frames, 3, 12, 16, generator=random) * 255
        self.pictures = F.interpolate(coarse, (self.height, self.width), mode="bilinear").to(torch.uint8)

    def __len__(self) -> int:
        return self.frames

    def read(self, start: int, stop: int) -> Tensor:
        """Frames [start, stop): (T, 3, H, W) uint8, RGB."""
        return self.pictures[start:stop]


class SameDraws:
    """Random points that are the same on all devices: drawn on the CPU, and moved."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._random = device, torch.Generator().manual_seed(1)

    def __call__(self, purpose: str, *shape: int, **_: Any) -> Tensor:
        """See `vita.blocks.losses.point_sampling.Draws`."""
        return torch.rand(shape, generator=self._random).to(self._device)


def objective(model: nn.Module, batch: list[Clip], device: torch.device) -> Losses:
    """The losses of a batch at the same random points on every device; a method without points draws none."""
    moved = to_device(batch, device)
    losses: Losses = model.losses(moved, SameDraws(device)) if hasattr(model, "losses") else model(moved)  # type: ignore[operator]
    return losses
