"""Which parameters learn at which rate and decay; the schedule by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_run import SCHEDULE
from torch import nn

from vita.core.run_config import TrainConfig
from vita.engine.optimizer import build_optimizer, rate_multiplier, set_rates


def schedule(**changes: Any) -> TrainConfig:
    return TrainConfig(**{**SCHEDULE, **changes})


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.linear, self.norm, self.group_norm = nn.Linear(4, 4), nn.LayerNorm(4), nn.GroupNorm(2, 4)
        self.embedding = nn.Embedding(5, 4)
        self.level = nn.Parameter(torch.zeros(4))  # a parameter of no module of its own
        self.relative_position_bias_table = nn.Parameter(torch.zeros(4))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.again = self.linear  # one parameter under two names counts once


def groups_of(model: Model, config: TrainConfig) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of every parameter that the optimizer has."""
    optimizer = build_optimizer(model, list(model.backbone.parameters()), config)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    placed = [
        (names[id(parameter)], (group["lr"], group["weight_decay"]))
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    assert len(placed) == len(dict(placed))
    assert all(group["base_lr"] == group["lr"] for group in optimizer.param_groups)
    return dict(placed)


def test_groups() -> None:
    config = schedule(learning_rate=1e-2, backbone_multiplier=0.5, weight_decay=0.05)
    assert groups_of(Model(), config) == {
        "backbone.0.weight": (5e-3, 0.05),
        "backbone.0.bias": (5e-3, 0.05),  # biases decay
        "backbone.1.weight": (5e-3, 0.0),
        "backbone.1.bias": (5e-3, 0.0),
        "linear.weight": (1e-2, 0.05),
        "linear.bias": (1e-2, 0.05),
        "norm.weight": (1e-2, 0.0),
        "norm.bias": (1e-2, 0.0),
        "group_norm.weight": (1e-2, 0.0),
        "group_norm.bias": (1e-2, 0.0),
        "embedding.weight": (1e-2, 0.0),
        "level": (1e-2, 0.05),
        "relative_position_bias_table": (1e-2, 0.0),
    }


def test_everything_decays_where_that_is_asked() -> None:
    config = schedule(learning_rate=1e-2, backbone_multiplier=0.5, weight_decay=0.05, decay_everything=True)
    assert {decay for _, decay in groups_of(Model(), config).values()} == {0.05}


def test_backbone_at_the_common_rate_shares_its_groups() -> None:
    model = Model()
    optimizer = build_optimizer(model, list(model.backbone.parameters()), schedule(backbone_multiplier=1.0))
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize(
    "step, expected",
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (9, 1.0), (10, 0.1), (19, 0.1), (20, 0.01), (29, 0.01)],
)
def test_warm_up_over_four_steps_and_two_milestones(step: int, expected: float) -> None:
    config = schedule(iterations=30, warmup_iterations=4, decay_at=[10, 20], decay_factor=0.1)
    assert rate_multiplier(step, config) == pytest.approx(expected, rel=1e-12)


def test_no_warm_up_and_a_milestone_within_warm_up() -> None:
    assert rate_multiplier(0, schedule(warmup_iterations=0, decay_at=[])) == 1.0
    # Step 2 of a warm-up over 4 has 3/4, halved once.
    assert rate_multiplier(2, schedule(warmup_iterations=4, decay_at=[2], decay_factor=0.5)) == 0.375


def test_rates_follow_from_the_step_alone() -> None:
    model, config = Model(), schedule(learning_rate=1e-2, backbone_multiplier=0.5, warmup_iterations=4, decay_at=[6])
    optimizer = build_optimizer(model, list(model.backbone.parameters()), config)
    for step, multiplier in ((7, 0.1), (0, 0.25), (5, 1.0), (0, 0.25)):
        assert set_rates(optimizer, step, config) == pytest.approx(1e-2 * multiplier)
        rates = {group["lr"] for group in optimizer.param_groups}
        assert sorted(rates) == pytest.approx([5e-3 * multiplier, 1e-2 * multiplier])
