"""How much a model has to compute, counted on tensors without memory.

Work is counted in floating-point operations of convolutions and matrix products, a multiplication and an addition as
two. What is not counted is small: norms, activations, the sampling of deformable attention, resizing and encoding of
masks.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vita.core.contract import CountedMethod

TOP_K = 10  # masks that are kept


def count_parameters(module: nn.Module) -> int:
    """Count the numbers that a module learns: frozen parameters are counted, constants of frozen norms are not."""
    return sum(parameter.numel() for parameter in module.parameters())


@dataclass
class Work:
    """Floating-point operations on a whole video, and those of them inside the image detector."""

    total: int = 0
    in_detector: int = 0


def count_work(model: CountedMethod, detector: nn.Module | None, video: Tensor) -> Work:
    """video: (T, 3, H, W) uint8."""
    counter, work = FlopCounterMode(display=False), Work()

    def enter(*_: object) -> None:
        work.in_detector -= counter.get_total_flops()

    def leave(*_: object) -> None:
        work.in_detector += counter.get_total_flops()

    inside = [detector.register_forward_pre_hook(enter), detector.register_forward_hook(leave)] if detector else []
    with counter:
        model.forward_for_flops(video, TOP_K)
    for hook in inside:
        hook.remove()
    work.total = counter.get_total_flops()
    if detector is model:  # rehearsed, not called
        work.in_detector = work.total
    return work
