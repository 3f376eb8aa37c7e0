"""Backbones against recorded maps of the official ones; broken ones are caught."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.swin import modeling_swin

from vita.blocks.backbone import FrozenBatchNorm
from vita.core.contract import UserError
from vita.official.conformance.backbones import checks, full_size_checks

RECORDED = Path(__file__).parents[2] / "golden" / "backbones"
CASES = ["case0", "case1", "case2"]  # the second of 90 x 130 pixels: neither patches nor windows fit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RECORDED, tmp_path / "backbones"))


def outcomes(folder: Path) -> dict[str, bool | None]:
    return {check.group.removeprefix("backbones/"): check.passed for check in checks(folder)}


def failing(folder: Path) -> list[str]:
    return [group for group, passed in outcomes(folder).items() if not passed]


def test_a_swin_at_sizes_that_fit_and_sizes_that_do_not() -> None:
    expected = ["swin_tiny position index", *(f"swin_tiny {case}" for case in CASES)]
    assert outcomes(RECORDED) == dict.fromkeys(expected, True)
    assert load_file(RECORDED / "swin_tiny.safetensors")["case1.frames_uint8"].shape == (1, 3, 90, 130)


def test_a_released_size_from_names_alone() -> None:
    found = list(full_size_checks(RECORDED))
    groups = [f"backbones/full_portable {name}" for name in ("resnet101", "resnet50")]
    assert [(check.group, check.passed) for check in found] == [(group, True) for group in groups]
    assert all(check.largest > 10 for check in found)  # maps of a living network


def test_frozen_norm_with_another_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrozenBatchNorm, "__init__", with_epsilon(FrozenBatchNorm.__init__, 1e-3))
    assert [check.passed for check in full_size_checks(RECORDED)] == [False, False]


def with_epsilon(original, epsilon):
    return lambda self, channels, eps: original(self, channels, epsilon)


def test_windows_that_do_not_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modeling_swin.SwinLayer, "cyclic_shift", lambda self, maps, reverse=False: maps)
    assert failing(RECORDED) == [f"swin_tiny {case}" for case in CASES]


def test_windows_that_shrink_to_small_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library's classifier does where a map is smaller than a window, and its backbone does not."""
    forward = modeling_swin.SwinStage.forward

    def shrinking(self, hidden, size, always_partition=False, **options):
        return forward(self, hidden, size, always_partition=False, **options)

    monkeypatch.setattr(modeling_swin.SwinStage, "forward", shrinking)
    with pytest.raises(RuntimeError):  # the position bias is of the whole window
        list(checks(RECORDED))


def test_one_weight_and_one_entry_are_seen(folder: Path) -> None:
    tensors = load_file(folder / "swin_tiny.safetensors")
    tensors["case1.res4"][0, 3, 2, 1] += 1e-2
    save_file(tensors, folder / "swin_tiny.safetensors")
    assert failing(folder) == ["swin_tiny case1"]
    state = load_file(folder / "swin_tiny_state_dict.safetensors")
    state["layers.1.blocks.1.attn.qkv.bias"][7] += 0.5
    save_file(state, folder / "swin_tiny_state_dict.safetensors")
    assert failing(folder) == [f"swin_tiny {case}" for case in CASES]


def test_case_numbers_and_maps_are_those_recorded(folder: Path) -> None:
    tensors = load_file(folder / "swin_tiny.safetensors")
    kept = {key.replace("case1", "case7"): tensors[key] for key in ("case1.frames_uint8", "case1.res3")}
    save_file({**kept, "other": torch.zeros(1)}, folder / "swin_tiny.safetensors")
    assert outcomes(folder) == {
        "swin_tiny position index": True,
        "swin_tiny case7": True,
        "swin_tiny: 1 not compared: other": None,
    }


def test_an_empty_folder_has_nothing_to_check(tmp_path: Path) -> None:
    assert list(checks(tmp_path)) == list(full_size_checks(tmp_path)) == []


def test_malformed_recordings_are_named(folder: Path) -> None:
    (folder / "full_resnet50_keys.json").write_text(json.dumps({"stem.conv1.weight": 7}))
    with pytest.raises(UserError, match=r"full_resnet50_keys.json: must be an object of shapes"):
        list(full_size_checks(folder))
    state = load_file(folder / "swin_tiny_state_dict.safetensors")
    del state["norm2.weight"]
    save_file(state, folder / "swin_tiny_state_dict.safetensors")
    with pytest.raises(UserError, match=r"swin_tiny_state_dict.safetensors: .*1 missing \(norm2.weight\)"):
        list(checks(folder))
    (folder / "swin_tiny_state_dict.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"swin_tiny_state_dict.safetensors: not a readable safetensors file"):
        list(checks(folder))
