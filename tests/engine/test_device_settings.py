"""How a card computes: what is set, what is in force by default, and that maps may lie either way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from tiny_run import configuration

from vita.core.config_base import digest, dump, parse
from vita.core.contract import Clip, UserError
from vita.core.run_config import CardConfig, PredictConfig, TrainConfig
from vita.engine.device_settings import apply_settings, find_device, place
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


def with_cards(count: int, monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """PyTorch then sees so many cards; the devices that become the one in use."""
    used: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    return used


def test_a_device_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    used = with_cards(2, monkeypatch)
    assert [find_device(name) for name in (None, "cpu", "cuda")] == [torch.device("cuda"), CPU, torch.device("cuda")]
    assert used == []
    assert find_device("cuda:1") == torch.device("cuda", 1)
    assert used == [torch.device("cuda", 1)]
    with_cards(0, monkeypatch)
    assert find_device(None) == CPU


@pytest.mark.parametrize(
    ("count", "name", "message"),
    [
        (0, "cuda", "--device cuda: PyTorch finds no card here; use --device cpu"),
        (2, "cuda:2", "--device cuda:2: PyTorch finds 2 cards here; use --device cpu"),
        (1, "cuda:", "no device; allowed are cpu, cuda and cuda:N, N from 0"),
        (1, "cuda:x", "no device; allowed are"),
        (1, "cpu:0", "no device; allowed are"),
        (1, "tpu", "no device; allowed are"),
    ],
)
def test_a_device_that_is_not_there_is_told(
    count: int, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cards(count, monkeypatch)
    with pytest.raises(UserError, match=message):
        find_device(name)
