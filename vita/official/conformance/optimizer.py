"""Learning rate and weight decay of every parameter, and learning-rate schedules, held against recorded ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.core.plugins import find_method
from vita.core.run_config import TrainConfig
from vita.engine.optimizer import build_optimizer, rate_multiplier
from vita.official.conformance.check import Tolerance, compare_numbers, failed
from vita.official.conformance.recording import recorded_value
from vita.official.conformance.released_sizes import released_keys
from vita.official.contract import Check, ReferenceAdapter, not_compared
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
    """As the released configuration trains; the model has shapes but no memory."""
    method = path.stem.removeprefix("optim_").rpartition("_")[0]
    if not has_official(method):
        return not_compared(f"{path.stem}: of no installed method")
    facts, official = read_json(path), find_official(method)
    schedule = training(learning_rate=recorded_value(recorded_value(facts, "defaults", path), "lr", path))
    with torch.device("meta"):
        model = find_method(method).build(official.options(released_keys(path.stem), {}), ANY_NUMBER)
    optimizer = build_optimizer(model, model.backbone_parameters(), schedule)  # type: ignore[operator]
    return settings_check(path.stem, model, optimizer, official, facts, path)


def settings_check(
    group: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    official: ReferenceAdapter,
    facts: Mapping[str, Any],
    path: Path,
) -> Check:
    """Rate and weight decay of every trained parameter, and AdamW's constants, held against those in `facts`."""
    groups, defaults = (recorded_value(facts, key, path) for key in ("groups", "defaults"))
    ours = parameter_settings(model, optimizer, official)
    if ours.keys() != groups.keys():
        return replace(failed(group), note="other parameters are trained")
    numbers = [*optimizer.defaults["betas"], optimizer.defaults["eps"]]
    recorded = [*recorded_value(defaults, "betas", path), recorded_value(defaults, "eps", path)]
    for key, settings in ours.items():
        numbers += settings
        recorded += [recorded_value(groups[key], name, path) for name in ("lr", "weight_decay")]
    return compare_numbers(group, numbers, recorded, RATES)


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
        return not_compared(f"{group}: a warm-up from {warmup_factor}, ours from 1 / n")
    schedule = training(learning_rate=rate, iterations=iterations, decay_at=steps, decay_factor=gamma)
    ours = [rate_multiplier(int(step), schedule) for step in config[SCHEDULE]]
    return compare_numbers(group, ours, list(config[SCHEDULE].values()), RATES)


def training(**settings: Any) -> TrainConfig:
    """As released, but for `settings`; what does not concern the optimizer is the least possible."""
    sampling = {"iterations": 1, "clips_per_batch": 1, "clip_frames": 1, "frame_range": 1}
    return TrainConfig(**{**sampling, **settings})
