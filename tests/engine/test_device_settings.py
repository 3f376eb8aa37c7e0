"""How a card computes: what is set, what is in force by default, and that maps may lie either way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from tiny_run import configuration

from vita.core.config_base import digest, dump, parse
from vita.core.contract import Clip
from vita.core.run_config import CardConfig, PredictConfig, TrainConfig
from vita.engine.device_settings import apply_settings, place
from vita.model.method import Vita

CPU, CARD = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PyTorch's settings belong to the process."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_deterministic_debug_mode(), cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    yield
    torch.set_deterministic_debug_mode(before[0])
    cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before[1:]


def test_a_card_computes_in_plain_32_bits_unless_asked() -> None:
    torch.backends.cudnn.benchmark = True
    assert apply_settings(CardConfig(), CARD) == dict.fromkeys(CardConfig.model_fields, False)
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.benchmark
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


@pytest.mark.parametrize("key", CardConfig.model_fields)
def test_each_setting_is_its_own(key: str) -> None:
    assert apply_settings(CardConfig(**{key: True}), CARD) == {
        **dict.fromkeys(CardConfig.model_fields, False),
        key: True,
    }
    assert torch.are_deterministic_algorithms_enabled() == (key == "deterministic")
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == (key == "deterministic")
    assert torch.backends.cudnn.allow_tf32 == torch.backends.cuda.matmul.allow_tf32 == (key == "tf32")
    assert torch.backends.cudnn.benchmark == (key == "cudnn_benchmark")


@pytest.mark.parametrize("asked", [CardConfig(), CardConfig(tf32=True, cudnn_benchmark=True, channels_last=True)])
def test_a_cpu_is_deterministic_whatever_is_asked(asked: CardConfig) -> None:
    torch.backends.cudnn.benchmark = False
    assert apply_settings(asked, CPU) == CardConfig(deterministic=True).model_dump()
    assert torch.get_deterministic_debug_mode() == 1 and not torch.backends.cudnn.benchmark
    assert torch.utils.deterministic.fill_uninitialized_memory is False  # type: ignore[attr-defined]


def test_configurations_from_before_are_the_same_bytes(tmp_path: object) -> None:
    train = configuration(tmp_path).train  # type: ignore[arg-type]
    plan = parse(PredictConfig, {"variants": {"intact": {}}}, "test")
    for section in (train, plan):
        assert "card" not in dump(section)
        asked = section.model_copy(update={"card": CardConfig(tf32=True)})
        assert "card:\n  deterministic: false\n  tf32: true\n" in dump(asked) and digest(asked) != digest(section)
        assert parse(type(section), asked.model_dump(mode="json"), "test") == asked
    assert isinstance(train, TrainConfig)


@pytest.fixture
def in_64_bits() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("in_64_bits")
def test_maps_may_lie_channel_by_channel(tiny_vita: Callable[..., Vita], random_clip: Callable[..., Clip]) -> None:
    losses, gradients = [], []
    for layout in (torch.contiguous_format, torch.channels_last):
        model = tiny_vita(norm="frozen").train().to(memory_format=layout)
        torch.manual_seed(1)
        found = model([random_clip(0), random_clip(1)])
        found.total.backward()
        losses.append({term.name: term.value.item() for term in found.terms})
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-6, atol=1e-9, msg=name)


def test_a_cpu_keeps_its_layout(tiny_vita: Callable[..., Vita]) -> None:
    model = place(tiny_vita(), CardConfig(channels_last=True), CPU)
    assert all(parameter.is_contiguous() for parameter in model.parameters())
