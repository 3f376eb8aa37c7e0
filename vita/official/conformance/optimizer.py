"""Learning rate and weight decay of every parameter, and learning-rate schedules, held against recorded ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vita.core.contract import MethodDefinition, UserError
from vita.core.files import read_json
from vita.core.plugins import find_method
from vita.core.run_config import TrainConfig
from vita.engine.optimizer import build_optimizer, rate_multiplier
from vita.official.conformance.check import Tolerance, compare_numbers, failed
from vita.official.conformance.recording import recorded_value
from vita.official.conformance.released_sizes import released_keys
from vita.official.contract import Check, ReferenceAdapter
from vita.official.plugins import find_official, has_official

RATES = Tolerance(0.0, 1e-12)  # a product of two doubles may differ in the last bit
ANY_NUMBER = 40  # of classes: shapes do not matter here
SCHEDULE = "multiplier_at_iter"

Settings = dict[str, tuple[float, float]]  # parameter -> learning rate, weight decay


def checks(root: Path) -> Iterator[Check]:
    """Every `optim_<method>_<backbone>.json` and every schedule of a `resolved_configs_*.json` in `root`.

    Raises UserError when one is malformed.
    """
    for path in sorted(root.glob("optim_*.json")):
        yield _parameter_check(path)
    for path in sorted(root.glob("resolved_configs_*.json")):
        for name, config in read_json(path).items():
            if SCHEDULE in config:
                yield _schedule_check(f"schedule {name}", config, path)


def _parameter_check(path: Path) -> Check:
    method = path.stem.removeprefix("optim_").rpartition("_")[0]
    if not has_official(method):
        return Check(f"{path.stem}: of no installed method", math.nan, math.nan, math.nan, None)
    facts = read_json(path)
    groups, defaults = (recorded_value(facts, key, path) for key in ("groups", "defaults"))
    recorded: Settings = {
        key: (recorded_value(group, "lr", path), recorded_value(group, "weight_decay", path))
        for key, group in groups.items()
    }
    learning_rate = recorded_value(defaults, "lr", path)
    ours, constants = _released(find_method(method), find_official(method), path.stem, learning_rate)
    if set(ours) != set(recorded):
        return failed(path.stem)
    wanted = [*recorded_value(defaults, "betas", path), recorded_value(defaults, "eps", path)]
    for key in ours:
        constants += ours[key]
        wanted += recorded[key]
    return compare_numbers(path.stem, constants, wanted, RATES)


def _released(
    definition: MethodDefinition, official: ReferenceAdapter, name: str, learning_rate: float
) -> tuple[Settings, list[float]]:
    """By official name, as the released configuration trains; and AdamW's betas and eps.

    The model has shapes but no memory.
    """
    with torch.device("meta"):
        model = definition.build(official.options(released_keys(name), {}), ANY_NUMBER)
    config = training(learning_rate=learning_rate)
    optimizer = build_optimizer(model, model.backbone_parameters(), config)  # type: ignore[operator]
    constants = [*optimizer.defaults["betas"], optimizer.defaults["eps"]]
    return parameter_settings(model, optimizer, official), constants


def parameter_settings(model: nn.Module, optimizer: torch.optim.Optimizer, official: ReferenceAdapter) -> Settings:
    """Learning rate and weight decay of every trained parameter by official name, or ours where there is none.

    Raises UserError where the parts of a stacked projection differ from each other.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: Settings = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            source, settings = official.source(name), (group["lr"], group["weight_decay"])
            key = name if source is None else source.key
            if found.setdefault(key, settings) != settings:
                raise UserError(f"{key}: its parts learn at different rates; it is one official parameter")
    return found


def _schedule_check(group: str, config: Mapping[str, Any], path: Path) -> Check:
    """Factor on the learning rates at the recorded iterations."""
    wanted = ("steps", "gamma", "warmup_factor", "base_lr", "max_iter")
    steps, gamma, warmup_factor, rate, iterations = (recorded_value(config, key, path) for key in wanted)
    if warmup_factor != 1:
        message = f"{group}: a warm-up from {warmup_factor}, ours from 1 / n"
        return Check(message, math.nan, math.nan, math.nan, None)
    schedule = training(learning_rate=rate, iterations=iterations, decay_at=steps, decay_factor=gamma)
    ours = [rate_multiplier(int(step), schedule) for step in config[SCHEDULE]]
    return compare_numbers(group, ours, list(config[SCHEDULE].values()), RATES)


def training(**settings: Any) -> TrainConfig:
    """As released, but for `settings`; what does not concern the optimizer is the least possible."""
    sampling = {"iterations": 1, "clips_per_batch": 1, "clip_frames": 1, "frame_range": 1}
    return TrainConfig(**{**sampling, **settings})
