"""Nothing is assumed of a recording's sizes, windows, layers, clips or classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from own_recording import record
from recorded_files import copy
from safetensors.torch import load_file

from vita.core.contract import UserError
from vita.official.vita import conformance as vita_checks


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings") / "vita"
    record(folder)
    return folder


def test_every_group_is_found_and_passes(own: Path) -> None:
    checks = list(vita_checks.checks(own))
    assert [check.group for check in checks if check.passed is not True] == []
    groups = {check.group for check in checks}
    windows = {f"vita/eval_C_vita {prefix}window{w}" for w in (2, 5, 0) for prefix in ("", "T3_")}
    assert windows | {"vita/eval_C_detector frame_decoder.pred_logits"} <= groups
    assert {"vita/losses total", "vita/losses video costs", "vita/losses similarity loss"} <= groups


def test_what_nobody_looked_at_is_named(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {"eval_C_vita": {"temperature": torch.ones(1)}})
    unread = [check for check in vita_checks.checks(tmp_path) if check.passed is None]
    assert [check.group for check in unread] == [f"{tmp_path.name}/eval_C_vita: 1 not compared: temperature"]


def test_a_recorded_number_that_differs(own: Path, tmp_path: Path) -> None:
    key = "window2.pred_logits"
    logits = load_file(own / "eval_C_vita.safetensors")[key]
    copy(own, tmp_path, {"eval_C_vita": {key: logits + torch.tensor([0.0, 0.0, 0.0, 1e-2])}})
    failed = [check for check in vita_checks.checks(tmp_path) if check.passed is False]
    assert [check.group for check in failed] == [f"{tmp_path.name}/eval_C_vita window2"]
    assert failed[0].error == pytest.approx(1e-2, rel=1e-2)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        (["MODEL.MASK_FORMER.HIDDEN_DIM", 96], "MODEL.MASK_FORMER.HIDDEN_DIM|HIDDEN_DIM"),
        (["MODEL.VITA.ENC_LAYERS", 3], "ENC_LAYERS"),
    ],
)
def test_a_meta_that_contradicts_the_weights(own: Path, tmp_path: Path, heads: list, message: str) -> None:
    copy(own, tmp_path, {})
    meta = json.loads((own / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps(meta | {"overrides": [*meta["overrides"], heads]}))
    with pytest.raises(UserError, match=message):
        list(vita_checks.checks(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("meta.json", "{", r"meta\.json: not valid JSON"),
        ("meta.json", "[1]", r"meta\.json: expected a mapping, found list"),
        ("losses.json", "{}", r"losses\.json: no entry 'rand_calls'"),
        ("state_dict.safetensors", "torn", r"state_dict\.safetensors: not a readable safetensors file"),
    ],
)
def test_malformed(own: Path, tmp_path: Path, name: str, content: str, message: str) -> None:
    copy(own, tmp_path, {})
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        list(vita_checks.checks(tmp_path))
