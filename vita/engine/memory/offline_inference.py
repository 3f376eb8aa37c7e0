"""What the probe runs: offline inference on a video of T frames (paper, appendix B).

Frames go through the detector chunk by chunk; what the method keeps of them it keeps on the device; then its
video-level module runs once. Tracks and masks are not written: they are made a few frames at a time.

Legend: T frames, F frames of a chunk, H W pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vita.core.contract import ProbedMethod, UserError
from vita.core.plugins import find_method
from vita.engine.memory.case import Case

SIZE_DIVISOR = 32  # frames are padded to a multiple of it


def build(case: Case) -> tuple[ProbedMethod, Any]:
    """The model, with random weights, and its inference variant. Raises UserError on a bad case."""
    definition = find_method(case.method)
    variant = definition.read_variant(case.variant)
    model = definition.build(case.options, case.num_classes).eval().requires_grad_(False)
    if not isinstance(model, ProbedMethod):
        raise UserError(
            f"method {case.method} cannot be probed: it lacks `encode_frames` and `decode_video` (vita.core.contract)"
        )
    exchange_weights(model, lambda weight: weight.to(dtype(case)) if weight.is_floating_point() else weight)
    return model, variant


def exchange_weights(model: ProbedMethod, changed: Callable[[Tensor], Tensor]) -> None:
    """Put what `changed` makes of it in the place of every weight and buffer, also in a model that holds nothing.

    Weights then need no gradients.
    """
    assert isinstance(model, nn.Module)
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = nn.Parameter(changed(weight), requires_grad=False)
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else changed(buffer)


def dtype(case: Case) -> torch.dtype:
    """The precision of weights and frames."""
    found: torch.dtype = getattr(torch, case.precision)
    return found


def images(case: Case, frames: int, device: torch.device) -> Tensor:
    """A chunk of frames as the network gets them, (F, 3, H, W) with H and W padded."""
    height, width = (-(-edge // SIZE_DIVISOR) * SIZE_DIVISOR for edge in (case.height, case.width))
    return torch.randn(frames, 3, height, width, device=device, dtype=dtype(case))


@torch.no_grad()
def run(model: ProbedMethod, variant: Any, case: Case, frames: int) -> None:
    """All of it, on the device where the model is."""
    device = device_of(model)
    kept = []
    for start in range(0, frames, case.chunk_frames):
        kept.append(model.encode_frames(images(case, min(case.chunk_frames, frames - start), device)))
    model.decode_video(kept, variant, case.attention)


def device_of(model: ProbedMethod) -> torch.device:
    """The device on which the model is."""
    assert isinstance(model, nn.Module)
    return next(model.parameters()).device


def weights_bytes(model: ProbedMethod) -> int:
    """Memory that the parameters and buffers take, in bytes."""
    assert isinstance(model, nn.Module)
    return sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
