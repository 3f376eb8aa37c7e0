"""Recorded optimiser steps replayed in 64 bits, through the trainer's own optimizer, schedule, clipping and step.

One line for each kind of figure over all steps: that of the step which comes nearest to its limit, or is past it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vita.core.contract import Losses
from vita.core.grouping import grouped
from vita.core.run_config import TrainConfig
from vita.engine.optimizer import build_optimizer, set_rates
from vita.engine.step import take_step
from vita.official.checkpoints.state_dict import official_names_of
from vita.official.configs.config import flatten
from vita.official.configs.training import solver_settings
from vita.official.conformance.check import TIGHT, Tolerance, compare, compare_numbers, share_of_limit
from vita.official.conformance.optimizer import RATES, settings_check, training
from vita.official.conformance.recording import Facts, Recording, Tensors, configuration
from vita.official.conformance.training_step import DOUBLE, Limits
from vita.official.contract import Check, ReferenceAdapter

WEIGHTS = Tolerance(1e-10, 0.0)
NORMS = Tolerance(1e-10, 1e-10)
STEPS = "step_"  # what the files of steps are called

# A method's objective on a recorded batch, and the checks of how it came about.
Replay = Callable[[Tensors, Facts, str, Limits], tuple[Losses, list[Check]]]


@contextmanager
def in_64_bits() -> Iterator[None]:
    """New models and tensors have 64 bits inside."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def first_weights(recording: Recording) -> Tensors:
    """The weights before the first step: its own, or those of the recording beside it that meta.json names."""
    if recording.has("state_dict"):
        return recording.tensors("state_dict")
    beside = recording.folder.parent / recording.facts("meta")["state_dict_of"]
    return Recording(beside, recording.device).tensors("state_dict")


def trajectory_checks(
    recording: Recording, model: nn.Module, official: ReferenceAdapter, replay: Replay
) -> list[Check]:
    """All recorded steps, one after the other, by a model in 64 bits that has the first weights."""
    name, meta = recording.folder.name, recording.facts("meta")
    schedule = training(**solver_settings(_solver(meta), {}))
    optimizer = build_optimizer(model.train(), model.backbone_parameters(), schedule)  # type: ignore[operator]
    facts = recording.facts("optimizer")
    found = [settings_check(f"{name} optimizer", model, optimizer, official, facts, facts.path)]
    found += [_rate_check(name, optimizer, schedule, meta["steps"])]
    steps = [
        check
        for stem in recording.stems(STEPS)
        for check in _step_checks(recording, stem, model, optimizer, schedule, official, replay)
    ]
    if recording.has("final_state_dict"):
        steps.append(_final_check(recording.tensors("final_state_dict"), model, official))
    return found + [replace(check, group=f"{name} {check.group}") for check in _nearest(steps)]


def _solver(meta: Facts) -> dict[str, Any]:
    """Flat official keys."""
    return {**configuration(meta), **flatten({"SOLVER": meta["solver"]})}


def _rate_check(
    name: str, optimizer: torch.optim.Optimizer, schedule: TrainConfig, steps: list[Mapping[str, Any]]
) -> Check:
    """The rates of all recorded steps, those included whose batches are not here."""
    ours: list[float] = []
    for step in steps:
        largest = set_rates(optimizer, step["step"], schedule)
        ours += [largest, min(group["lr"] for group in optimizer.param_groups)]
    recorded = [step[key] for step in steps for key in ("lr", "lr_backbone")]
    return compare_numbers(f"{name} rates", ours, recorded, RATES)


def _step_checks(
    recording: Recording,
    stem: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: TrainConfig,
    official: ReferenceAdapter,
    replay: Replay,
) -> Iterator[Check]:
    """One step: its batch, its gradient before clipping, and what the update made of the weights."""
    facts, checks = recording.facts(stem), list[Check]()

    def objective() -> Losses:
        losses, found = replay(recording.tensors(stem), facts, "", DOUBLE)
        checks.extend(found)
        return losses

    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with _gradients(model) as gradients:
        taken = take_step(Accelerator(mixed_precision="no"), model, optimizer, schedule, facts["step"], objective)
    yield from (replace(check, group=check.group.strip()) for check in checks)
    total = facts["grad_total_norm"]
    yield compare_numbers("gradient norm", [taken.gradient_norm.item()], [total], TIGHT)
    # What is zero in exact arithmetic, such as a key's bias, is noise in proportion to the whole gradient.
    noise = Tolerance(1e-12 * total, TIGHT.relative)
    yield _norm_check("gradient norms", official_names_of(gradients, official), facts["grad_norms"], noise)
    after = dict(model.named_parameters())
    yield _norm_check("weight norms", official_names_of(after, official), facts["weight_norms_after"], NORMS)
    change = torch.stack([(after[name].detach() - value).norm() for name, value in before.items()]).norm()
    yield compare_numbers("updates", [change.item()], [facts["update_total_norm"]], TIGHT)


@contextmanager
def _gradients(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Gradients by our names, as the backward pass inside leaves them, before anyone clips them."""
    found: dict[str, Tensor] = {}

    def keep(name: str, parameter: Tensor) -> None:
        assert parameter.grad is not None
        found[name] = parameter.grad.clone()

    with ExitStack() as hooks:
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                hooks.callback(parameter.register_post_accumulate_grad_hook(partial(keep, name)).remove)
        yield found


def _norm_check(group: str, ours: Mapping[str, Tensor], recorded: Mapping[str, float], tolerance: Tolerance) -> Check:
    """L2 norms of all tensors that were recorded, by official name."""
    norms = [ours[key].detach().norm().item() if key in ours else math.nan for key in recorded]
    return compare_numbers(group, norms, list(recorded.values()), tolerance)


def _final_check(state: Tensors, model: nn.Module, official: ReferenceAdapter) -> Check:
    """All weights in the end; constants of the configuration are no weights."""
    ours = official_names_of(model.state_dict(), official)
    constants = official.constants(model)
    pairs = [(ours.get(key, torch.zeros(0)), state[key]) for key in state if key not in constants]
    for key in constants:
        _ = state[key]  # looked at: a number that the configuration names
    return compare("final weights", pairs, WEIGHTS)


def _nearest(checks: list[Check]) -> list[Check]:
    """Of each group the check that is nearest to its limit."""
    return [max(group, key=share_of_limit) for group in grouped(checks, lambda check: check.group).values()]
