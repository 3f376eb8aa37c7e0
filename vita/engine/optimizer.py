"""AdamW and its schedule, as the release trains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import nn

from vita.core.run_config import TrainConfig

UNDECAYED = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d, nn.SyncBatchNorm, nn.Embedding)


def build_optimizer(model: nn.Module, backbone: list[nn.Parameter], config: TrainConfig) -> torch.optim.AdamW:
    """One group for every pair of learning rate and weight decay among the trained parameters.

    The backbone learns at its own rate. Norms, embeddings and Swin's relative-position tables do not decay, unless
    everything does; biases do.
    Each group keeps its undisturbed rate under "base_lr".
    """
    in_backbone = {id(parameter) for parameter in backbone}
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for parameter, decays in _trained(model):
        rate = config.learning_rate * (config.backbone_multiplier if id(parameter) in in_backbone else 1.0)
        groups[rate, config.weight_decay if decays or config.decay_everything else 0.0].append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "base_lr": rate, "weight_decay": wd} for (rate, wd), p in groups.items()],
        fused=True,  # one kernel for all parameters, on a GPU and on a CPU
    )


def _trained(model: nn.Module) -> Iterator[tuple[nn.Parameter, bool]]:
    seen: set[int] = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                yield parameter, not (isinstance(module, UNDECAYED) or "relative_position_bias_table" in name)


def rate_multiplier(step: int, config: TrainConfig) -> float:
    """Factor on every learning rate at a step (from 0): linear warm-up, then a drop at each milestone."""
    warmup = min(1.0, (step + 1) / config.warmup_iterations) if config.warmup_iterations else 1.0
    return warmup * config.decay_factor ** sum(step >= milestone for milestone in config.decay_at)


def set_rates(optimizer: torch.optim.Optimizer, step: int, config: TrainConfig) -> float:
    """Set the rates for a step from the step alone, so that a resumed run needs no schedule state; the largest rate."""
    multiplier = rate_multiplier(step, config)
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * multiplier
    return max(group["lr"] for group in optimizer.param_groups)
