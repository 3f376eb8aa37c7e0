"""Random points chosen by hand, so that losses can be computed on paper."""

from __future__ import annotations

import torch
from torch import Tensor

from vita.blocks.losses.point_sampling import Owners


class ChosenPoints:
    """`Draws` that always gives the same points (P, 2), x first, whatever is asked for."""

    def __init__(self, points: list[tuple[float, float]], rest: list[tuple[float, float]] | None = None) -> None:
        self.points, self.rest = torch.tensor(points), torch.tensor(rest if rest is not None else []).view(-1, 2)

    def __call__(self, purpose: str, *shape: int, owners: Owners = ()) -> Tensor:
        chosen = self.rest if purpose == "rest" else self.points
        return chosen.expand(shape)


# Centres of the pixels of a 2 x 2 mask: top left, top right, bottom left, bottom right.
CENTRES = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
