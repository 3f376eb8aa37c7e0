"""What a training step asks of a card, counted on a pretended one: the batch's way there, matching and the check of
losses included.

A round trip is what the host waits for: a value, a tensor whose size depends on values, a copy to the host. The copies
to the card are counted with them. What runs is the trainer's step, but for the fused optimiser: it is one kernel, and
plain descent stands in for it. fp16 adds one wait, the scaler's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_vita import TINY
from torch import Tensor, nn

from benchmarks.pretend_card import CARD, OnCard, counting, inside, move
from vita.core.contract import Clip, Losses
from vita.core.plugins import find_method
from vita.core.run_config import TrainConfig
from vita.engine.batch_transfer import to_device
from vita.engine.history import checked_sum, values_of
from vita.engine.passes import drawing_modules, key_draws, passes_of
from vita.engine.processes import ALONE
from vita.engine.step import take_step

DETECTOR = {**TINY["detector"], "decoder_layers": 9, "pixel_layers": 6}  # as released: ten predictions
OPTIONS: dict[str, dict[str, Any]] = {
    "vita": {**TINY, "detector": DETECTOR, "fed_layers": 3, "decoder_layers": 6},
    "mask2former_vis": {"detector": DETECTOR, "points": 16},
    "minvis": {"detector": DETECTOR, "points": 16},
    "videomt": {
        "sizes": {
            **{"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "mlp_ratio": 2, "patch_size": 8},
            **{"image_size": 32, "num_blocks": 2, "num_queries": 5, "num_register_tokens": 0},
        },
        "points": 16,
    },
    "ifc": {
        "backbone": TINY["detector"]["backbone"],
        **{"norm": "trained", "frozen_stages": 0, "channels": 32, "heads": 4, "feedforward": 32},
        **{"queries": 6, "memory_tokens": 3, "dropout": 0.0, "encoder_layers": 1, "decoder_layers": 3},
    },
}
SCHEDULE = TrainConfig(iterations=1, clips_per_batch=8, clip_frames=2, frame_range=1, learning_rate=1e-4)
# To the card: the batch, pixel means, the pixel decoder's sizes, indices. To the host: ids, costs, losses.
ASKED = {
    "vita": {"to the card": 7, "to the host, waiting": 4},
    "mask2former_vis": {"to the card": 4, "to the host, waiting": 2},
    "minvis": {"to the card": 5, "to the host, waiting": 3},
    "videomt": {"to the card": 3, "to the host, waiting": 2},
    "ifc": {"to the card": 3, "to the host, waiting": 2},
}


# What a step asks of accelerate, in full precision.
PLAIN = SimpleNamespace(autocast=nullcontext, backward=Tensor.backward, clip_grad_norm_=torch.nn.utils.clip_grad_norm_)


def build(method: str) -> nn.Module:
    torch.manual_seed(0)
    return find_method(method).build(OPTIONS[method], 3).train()


def clip(seed: int, frames: int = 2, height: int = 32, width: int = 64) -> Clip:
    """Up to three objects, each absent from some frames."""
    random, objects = torch.Generator().manual_seed(seed), seed % 4
    ids = torch.arange(1, objects + 1)[:, None].repeat(1, frames)
    ids = ids.where(torch.rand(ids.shape, generator=random) > 0.3, -1)
    masks = (torch.rand(objects, frames, height, width, generator=random) > 0.5) & (ids != -1)[..., None, None]
    images = torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=random)
    return Clip(images, masks, torch.arange(objects) % 3, ids, ids != -1, seed, tuple(range(frames)))


CLIPS = [clip(number) for number in range(8)]


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pretended card draws as the host does."""
    real = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda device="cpu": real("cpu" if device == CARD else device))


def step(model: nn.Module, clips: Sequence[Clip], device: torch.device) -> tuple[dict[str, float], dict[str, Tensor]]:
    """One step as the trainer takes it: its losses, and the weights after it."""
    heard: dict[str, float] = {}

    def objective() -> Losses:
        (one,) = passes_of(clips, 0, 0, None, ALONE)
        key_draws(drawing_modules(model), one.part)
        losses: Losses = model(to_device(one.clips, device), one.part)
        heard.update(checked_sum(ALONE.gather(values_of([losses])), 0))
        return losses

    torch.manual_seed(1)
    plain = torch.optim.SGD([{"params": list(model.parameters()), "base_lr": 1e-4}], lr=1e-4, foreach=False)
    take_step(PLAIN, model, plain, SCHEDULE, 0, objective)  # type: ignore[arg-type]
    return heard, {name: inside(parameter.detach()) for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("method", OPTIONS)
def test_a_step_asks_a_card_at_most_twelve_times(method: str) -> None:
    losses, weights = step(build(method), CLIPS, torch.device("cpu"))
    with counting() as seen:
        on_card, moved = step(move(build(method)), CLIPS, CARD)
    asked = {kind: count for kind, count in seen.items() if count}
    assert asked == ASKED[method] and sum(asked.values()) <= 12
    # What was counted is the step itself: it computes what it does without a card.
    assert on_card == pytest.approx(losses, rel=1e-5)
    for name, expected in weights.items():
        torch.testing.assert_close(moved[name], expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("method", OPTIONS)
def test_more_clips_objects_and_sizes_ask_no_more(method: str) -> None:
    counts = []
    for clips in ([clip(3)], [clip(3), clip(7, height=48), clip(11, frames=2, width=40)]):
        with counting() as seen:
            step(move(build(method)), clips, CARD)
        counts.append(+seen)
    assert counts[0] == counts[1] == Counter(ASKED[method])


def test_every_way_to_ask_is_seen() -> None:
    on_card = OnCard(torch.tensor([3.0, 0.0, 5.0]))
    host = torch.arange(2)
    ways = {
        "to the card": [lambda: host.to(CARD), lambda: torch.tensor([1, 2], device=CARD), lambda: on_card[host]],
        "to the host, waiting": [
            on_card.cpu,
            on_card.tolist,
            lambda: host.float().copy_(on_card[:2]),
        ],
        "to the host": [lambda: on_card.to("cpu", non_blocking=True)],
        "boolean index": [lambda: on_card[on_card > 1]],
        "aten._local_scalar_dense": [on_card[0].item, lambda: bool(on_card.isfinite().all())],
        "aten.nonzero": [on_card.nonzero],
    }
    for kind, calls in ways.items():
        for call in calls:
            with counting() as seen:
                call()
            assert dict(+seen) == {kind: 1}


def test_a_tensor_of_the_host_among_those_of_the_card_is_refused() -> None:
    with counting(), pytest.raises(AssertionError, match="of the host meets one of the card"):
        OnCard(torch.zeros(3)) + torch.zeros(3)
