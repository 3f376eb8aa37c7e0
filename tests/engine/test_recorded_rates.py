"""Every parameter's learning rate and weight decay, and every released schedule, as the official code has them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from vita.core.contract import UserError
from vita.core.plugins import installed_methods
from vita.engine import optimizer
from vita.official.conformance.optimizer import checks

RECORDED = json.loads(gzip.decompress((Path(__file__).parents[1] / "golden" / "rates.json.gz").read_bytes()))
MODELS = ["vita_r50", "vita_r101", "vita_swinl", "mask2former_vis_r50", "mask2former_vis_swinl"]
SCHEDULES = "resolved_configs_vita.json"


def write(folder: Path, name: str, content: Any) -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder


def outcomes(folder: Path) -> dict[str, bool | None]:
    return {check.group: check.passed for check in checks(folder)}


def changed(name: str, edit: Callable[[Any], None]) -> Any:
    content = json.loads(json.dumps(RECORDED[name]))
    edit(content)
    return content


def test_the_recordings_are_those_of_five_models() -> None:
    assert set(RECORDED) == {SCHEDULES, *(f"optim_{model}.json" for model in MODELS)}
    assert len(RECORDED["optim_vita_r50.json"]["groups"]) == 492
    assert len(RECORDED["optim_mask2former_vis_swinl.json"]["groups"]) == 625
    assert set(installed_methods()) >= {"vita", "mask2former_vis"}


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter(tmp_path: Path, model: str) -> None:
    write(tmp_path, f"optim_{model}.json", RECORDED[f"optim_{model}.json"])
    assert outcomes(tmp_path) == {f"optim_{model}": True}


def test_every_schedule(tmp_path: Path) -> None:
    write(tmp_path, SCHEDULES, RECORDED[SCHEDULES])
    assert outcomes(tmp_path) == {f"schedule {name}": True for name in RECORDED[SCHEDULES]}
    assert len(RECORDED[SCHEDULES]) == 10


R50 = "optim_vita_r50.json"
LEVEL = "sem_seg_head.pixel_decoder.transformer.level_embed"  # a bare parameter: it decays
STACKED = "vita_module.enc_self_attn.0.self_attn.in_proj_weight"


@pytest.mark.parametrize(
    "edit",
    [
        lambda facts: facts["groups"][LEVEL].update(weight_decay=0),
        lambda facts: facts["groups"][STACKED].update(lr=5e-6),
        lambda facts: facts["groups"]["backbone.res2.0.conv1.weight"].update(lr=5.0001e-6),
        lambda facts: facts["groups"].pop(LEVEL),
        lambda facts: facts["groups"].update(other={"lr": 5e-5, "weight_decay": 0}),
        lambda facts: facts["defaults"].update(lr=1e-4),
        lambda facts: facts["defaults"].update(betas=[0.9, 0.99]),
        lambda facts: facts["defaults"].update(eps=1e-7),
    ],
)
def test_one_difference_is_seen(tmp_path: Path, edit: Callable[[Any], None]) -> None:
    assert outcomes(write(tmp_path, R50, changed(R50, edit))) == {"optim_vita_r50": False}


@pytest.mark.parametrize("undecayed", [(nn.LayerNorm, nn.GroupNorm), (nn.GroupNorm, nn.Embedding)])
def test_an_optimizer_that_decays_more_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undecayed: tuple[type, ...]
) -> None:
    monkeypatch.setattr(optimizer, "UNDECAYED", undecayed)
    assert outcomes(write(tmp_path, R50, RECORDED[R50])) == {"optim_vita_r50": False}


def test_one_step_of_a_schedule_is_seen(tmp_path: Path) -> None:
    name = "ovis/vita_R50_bs8"
    content = changed(SCHEDULES, lambda configs: configs[name]["multiplier_at_iter"].update({"124999": 0.01}))
    found = outcomes(write(tmp_path, SCHEDULES, content))
    assert [group for group, passed in found.items() if not passed] == [f"schedule {name}"]


def test_a_warm_up_that_ours_does_not_have_is_named(tmp_path: Path) -> None:
    content = {"some": {**RECORDED[SCHEDULES]["ovis/vita_R50_bs8"], "warmup_factor": 0.001}}
    assert outcomes(write(tmp_path, SCHEDULES, content)) == {
        "schedule some: a warm-up from 0.001, ours from 1 / n": None
    }


def test_a_method_that_is_not_installed_is_named(tmp_path: Path) -> None:
    write(tmp_path, "optim_other_r50.json", RECORDED[R50])
    assert outcomes(tmp_path) == {"optim_other_r50: of no installed method": None}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (R50, {"groups": {}}, "no entry 'defaults'"),
        (R50, changed(R50, lambda facts: facts["groups"][LEVEL].pop("lr")), "no entry 'lr'"),
        (SCHEDULES, changed(SCHEDULES, lambda configs: configs["ovis/vita_R50_bs8"].pop("gamma")), "no entry 'gamma'"),
    ],
)
def test_a_malformed_recording_is_named(tmp_path: Path, name: str, content: Any, message: str) -> None:
    write(tmp_path, name, content)
    with pytest.raises(UserError, match=f"{name}: {message}"):
        list(checks(tmp_path))
