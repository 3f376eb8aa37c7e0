"""`vita conformance --device`: where there is no card, one says so, and another stands in for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from stand_in_card import CARD, stand_in_card
from tiny_run import vita

from vita.official.conformance.device import tf32
from vita.official.conformance.run import Report, run

GOLDEN = Path(__file__).parents[2] / "golden"
WITH_MODELS = ("vita", "mask2former_vis", "ifc", "backbones")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so() -> None:
    ended = vita("conformance", GOLDEN, "--device", "cuda")
    assert ended.message == "--device cuda: PyTorch finds no card here; use --device cpu"


def test_all_models_are_compared_on_another_device(tmp_path: Path) -> None:
    """No operation mixes tensors of two devices, and what is compared comes back to the CPU.

    Recorded optimiser steps are left out: fused AdamW wants a device that it knows.
    """
    for name in WITH_MODELS:
        shutil.copytree(GOLDEN / name, tmp_path / name)
    report = Report()
    with stand_in_card() as card:
        run(tmp_path, full_size=False, report=report, show=lambda line: None, device=CARD)
    assert [check.group for check in report.checks if check.passed is not True] == []
    assert {check.group.partition("/")[0] for check in report.checks} == set(WITH_MODELS)
    assert card.operations > 100_000


def test_the_stand_in_is_as_strict_as_a_card() -> None:
    with stand_in_card():
        here, there = torch.arange(3.0), torch.arange(3.0).to(CARD)
        assert (there + 1).tolist() == [1, 2, 3] and there[torch.tensor([2])].item() == 2
        assert there.device == CARD and there.cpu().device.type == "cpu"
        with pytest.raises(RuntimeError, match="of the card and of the CPU"):
            here + there
        with pytest.raises(RuntimeError, match="of the card and of the CPU"):
            here[there.long()]
        with pytest.raises(TypeError, match="to numpy"):
            there.numpy()


@pytest.mark.parametrize("before", [True, False])
def test_tf32_is_set_and_put_back(before: bool) -> None:
    was = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = before
    try:
        with tf32(not before):
            assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is (not before)
        assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is before
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = was
