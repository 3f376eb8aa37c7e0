"""Which pixels a residual network was trained on, read off its first layer.

Two ResNet-101 are published under one file name. Torchvision's sees RGB divided by the standard deviation of ImageNet
(about 58 grey levels); MSRA's sees BGR in whole grey levels, and strides in another convolution of a block. Nothing
in names or shapes tells them apart, and a network fed with the other's pixels works badly without any error.

Legend: O filters of the first convolution, I numbers that a filter sees (7 x 7 pixels of 3 colours).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from vita.core.contract import UserError

STEM = "stem.conv1."
NORM = tuple(f"{STEM}norm.{leaf}" for leaf in ("weight", "running_mean", "running_var"))
RAW_AUTHORS = ("msra", "caffe2")
DEAD = 1e-4  # a filter so short that nothing passes through it; training leaves a few
# Where statistics are folded into the scale: a filter's length after it, which is about a quarter for pixels of unit
# deviation and 58 times less for grey levels; this lies between the two.
SHORT_FILTER = 0.03


def refuse_raw_pixels(state: Mapping[str, Tensor], author: str | None, network: str, where: str) -> None:
    """Raises UserError when a backbone under official names was trained on whole grey levels.

    author: as the file says itself. network: what the backbone is, in words.
    """
    if f"{STEM}weight" not in state:
        return  # no residual network
    if author is not None and any(name in author.lower() for name in RAW_AUTHORS):
        told = f"told by its author, {author}"
    elif trained_on_grey_levels(state):
        told = "told by the scale of its first layer"
    else:
        return
    raise UserError(
        f"{where}: MSRA's {network} ({told}): it sees BGR of standard deviation 1 and strides in the first 1x1 "
        "convolution, ours RGB of ImageNet's deviation with the stride in the 3x3; use torchvision's weights instead"
    )


def trained_on_grey_levels(state: Mapping[str, Tensor]) -> bool:
    """Whether the first layer of a residual network expects pixels with a deviation of some 58 instead of 1.

    The variance of a filter's output is at most I times its squared length for pixels of unit variance. Statistics
    that say more for most filters were collected on grey levels, where variances are 3,400 times as large.
    """
    weight = state[f"{STEM}weight"]
    if weight.dim() != 4 or any(name not in state or state[name].shape != weight.shape[:1] for name in NORM):
        return False  # no such layer, which whoever fits the weights into a model says
    lengths = weight.float().flatten(1).norm(dim=1)  # (O,)
    alive = lengths > DEAD
    if not alive.any():
        return False
    scale, mean, variance = (state[name].float()[alive] for name in NORM)
    if not mean.any() and bool((variance == 1).all()):
        return bool((scale.abs() * lengths[alive]).median() < SHORT_FILTER)
    return bool((variance / lengths[alive].square()).median() > weight[0].numel())
