"""One optimiser step of training: for the trainer, and for holding it against recorded ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vita.core.contract import Losses
from vita.core.run_config import TrainConfig
from vita.engine.optimizer import set_rates


@dataclass(frozen=True)
class StepTaken:
    """What one optimiser step computed."""

    losses: Losses
    gradient_norm: Tensor  # L2 over all parameters, before clipping
    rate: float  # the largest learning rate


def take_step(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: TrainConfig,
    step: int,
    objective: Callable[[], Losses],
) -> StepTaken:
    """Step number `step` (from 0): the objective, its gradient clipped as a whole, and the update at its rates."""
    rate = set_rates(optimizer, step, schedule)
    with accelerator.autocast():
        losses = objective()
    accelerator.backward(losses.total)
    norm = accelerator.clip_grad_norm_(model.parameters(), schedule.gradient_clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return StepTaken(losses, norm, rate)
