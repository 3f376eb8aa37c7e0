"""Recorded optimiser steps through the trainer's own step: an intact trainer repeats them, one changed in a number not.

The project carries the first step of each method; rates are those of all recorded steps.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vita.core.contract import Losses
from vita.engine import step
from vita.official.conformance import trajectory
from vita.official.conformance.run import suites
from vita.official.contract import Check

GOLDEN = Path(__file__).parents[2] / "golden"
METHODS = ("vita", "mask2former_vis", "ifc")
SETTINGS = trajectory.solver_settings


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed recordings, beside those whose weights they begin with."""
    root = tmp_path_factory.mktemp("recordings")
    with tarfile.open(GOLDEN / "trajectories.tar.xz") as packed:
        packed.extractall(root, filter="data")
    for method in METHODS:
        (root / method).mkdir()
        (root / method / "state_dict.safetensors").symlink_to(GOLDEN / method / "state_dict.safetensors")
    return root


def checks(root: Path, method: str) -> dict[str, Check]:
    """By group, without the folder's name."""
    name = f"trajectory_{method}"
    return {check.group.removeprefix(f"{name} "): check for check in suites(False)[name](root / name)}


def failing(root: Path, method: str) -> set[str]:
    return {group for group, check in checks(root, method).items() if check.passed is not True}


@pytest.mark.parametrize("method", METHODS)
def test_an_intact_trainer_repeats_the_step(root: Path, method: str) -> None:
    found = checks(root, method)
    assert [group for group, check in found.items() if check.passed is not True] == []
    updates = {"optimizer", "rates", "total", "gradient norm", "gradient norms", "weight norms", "updates"}
    levels = {"vita": {"frames ", "video "}, "mask2former_vis": {"video "}, "ifc": {""}}[method]
    assert found.keys() >= updates | {f"{level}{part}" for level in levels for part in ("assignments", "losses")}
    assert found["total"].tolerance == pytest.approx(1e-9 * found["total"].largest)
    assert torch.get_default_dtype() == torch.float32


def with_setting(key: str, value: Any) -> Callable[..., dict[str, Any]]:
    return lambda *arguments: {**SETTINGS(*arguments), key: value}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("key", "value", "seen_in"),
    [
        ("weight_decay", 0.01, {"optimizer", "updates"}),
        ("learning_rate", 2e-3, {"optimizer", "rates", "updates"}),
        ("backbone_multiplier", 1.0, {"optimizer", "rates", "updates"}),
        ("gradient_clip_norm", 0.02, {"updates", "weight norms"}),
        ("gradient_clip_norm", float("inf"), {"updates", "weight norms"}),
        ("decay_at", (9,), {"rates"}),
        ("decay_at", (), {"rates"}),
        ("decay_factor", 0.5, {"rates"}),
        ("warmup_iterations", 4, {"rates", "updates"}),
    ],
)
def test_a_wrong_setting(
    root: Path, method: str, key: str, value: Any, seen_in: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trajectory, "solver_settings", with_setting(key, value))
    found = failing(root, method)
    assert found >= seen_in
    assert not found & {"total", "gradient norm"}  # of the first step, before anything was updated


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("key", "value"), [("eps", 1e-7), ("weight_decay", 1e-3)])
def test_a_wrong_constant_of_the_optimizer(
    root: Path, method: str, key: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set after its settings were compared, so that only the weights can tell."""

    def later(*arguments: Any, **options: Any) -> step.StepTaken:
        optimizer = arguments[2]
        for group in optimizer.param_groups:
            group[key] = value
        return step.take_step(*arguments, **options)

    monkeypatch.setattr(trajectory, "take_step", later)
    assert failing(root, method) == {"updates", "weight norms"}


@pytest.mark.parametrize("method", METHODS)
def test_a_term_that_loses_its_weight(root: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Losses, "total", property(lambda losses: sum(term.value for term in losses.terms)))
    assert failing(root, method) >= {"total", "gradient norm", "gradient norms"}


def test_gradients_clipped_one_by_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Single(step.Accelerator):
        def clip_grad_norm_(self, parameters: Any, norm: float, norm_type: int = 2) -> Any:
            parameters = [parameter for parameter in parameters if parameter.grad is not None]
            total = torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters])
            for parameter in parameters:
                torch.nn.utils.clip_grad_norm_(parameter, norm)
            return total

    monkeypatch.setattr(trajectory, "Accelerator", Single)
    assert failing(root, "mask2former_vis") == {"updates", "weight norms"}


def test_32_bits_do_not_pass(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trajectory.torch, "set_default_dtype", lambda dtype: None)
    assert "total" in failing(root, "ifc")


def test_a_flipped_match(root: Path, tmp_path: Path) -> None:
    name = "trajectory_ifc"
    shutil.copytree(root / name, tmp_path / name)
    shutil.copytree(root / "ifc", tmp_path / "ifc")
    path = tmp_path / name / "step_00.json"
    path.write_text(path.read_text().replace('"src":[0,2,7],"tgt":[2,0,1]', '"src":[0,2,7],"tgt":[0,2,1]', 1))
    assert failing(tmp_path, "ifc") == {"assignments"}


def test_final_weights_are_compared_where_they_are_recorded(root: Path, tmp_path: Path) -> None:
    for name in ("trajectory_ifc", "ifc"):
        shutil.copytree(root / name, tmp_path / name)
    save_file(
        load_file(GOLDEN / "ifc" / "state_dict.safetensors"),
        tmp_path / "trajectory_ifc" / "final_state_dict.safetensors",
    )
    assert failing(tmp_path, "ifc") == {"final weights"}  # which are not those of the beginning
