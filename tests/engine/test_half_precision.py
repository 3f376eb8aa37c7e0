"""Half precision as the releases have it: costs, points and losses of a step, and the pixel decoder, keep 32 bits.

Steps run under `torch.autocast` on a CPU, where sums are as narrow as on a GPU. Each method's own masks are taken for
objects, so that logits are confident and objects large: there a product over all points leaves the range of 16 bits.

Legend: D decoder layers, B clips, Q queries, N targets, T frames, P points, S = T * P samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from half_on_cpu import HalfOnCpu
from scipy.optimize import linear_sum_assignment
from tiny_vita import TINY
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vita.blocks.losses import matching, set_criterion
from vita.blocks.losses.matching import Match, Target
from vita.blocks.losses.set_criterion import SetCriterion, nothing_of
from vita.blocks.pixel_decoder import FullPrecisionPixelDecoder
from vita.core.contract import Clip
from vita.core.plugins import find_method
from vita.core.run_config import TrainConfig
from vita.engine.optimizer import build_optimizer
from vita.engine.step import StepTaken, take_step
from vita.model import network as vita_network
from vita_baselines.ifc.losses import DenseCriterion

POINTS = 12_544  # as released
# What kernels of masks are multiplied with, so that logits are far from 0.
CONFIDENT = {"vita": 10.0, "mask2former_vis": 10.0, "ifc": 40.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "vita": {**TINY, "frame_points": POINTS, "video_points": POINTS},
    "mask2former_vis": {"detector": TINY["detector"], "points": POINTS},
    "ifc": {
        "backbone": TINY["detector"]["backbone"],
        **{"norm": "trained", "frozen_stages": 0, "channels": 32, "heads": 4, "feedforward": 32},
        **{"queries": 6, "memory_tokens": 3, "dropout": 0.0, "encoder_layers": 1, "decoder_layers": 2},
        "target_stride": 1,
    },
}
# IFC compares whole masks, here pixel by pixel, the others points: it gets more pixels than they have points.
SIZES = {"vita": (64, 96), "mask2former_vis": (64, 96), "ifc": (112, 160)}
SCHEDULE = TrainConfig(iterations=1, clips_per_batch=2, clip_frames=1, frame_range=1, learning_rate=1e-4)
HALF = [torch.float16, torch.bfloat16]
FRAMES = [1, 5, 6]


@dataclass
class Costs:
    """What a criterion of the step compared, and what it made of it."""

    class_logits: Tensor  # (D, B, Q, K+1), as the network left them
    mask_logits: Tensor  # (D, B, Q, T, h, w)
    targets: list[Target]
    costs: list[list[Tensor]]  # [D][B] (Q, N), the smaller the better
    exact: Callable[[Costs, int, int], Tensor]  # the same in 64 bits, for a layer and a clip
    where: Tensor | None = None  # (D, B, P, 2)
    matches: list[list[Match]] = field(default_factory=list)


def exact_point_costs(seen: Costs, layer: int, clip: int) -> Tensor:
    """2 (-p) + 5 BCE + 5 dice over all points of all frames, pair by pair, as a sum over points says it."""
    assert seen.where is not None
    target, grid = seen.targets[clip], 2 * seen.where[layer, clip].double()[None, None] - 1

    def samples(masks: Tensor) -> Tensor:  # (N, T, h, w) -> (N, S)
        return F.grid_sample(masks.double(), grid.expand(len(masks), -1, -1, -1), align_corners=False).flatten(1)

    logits, wanted = samples(seen.mask_logits[layer, clip])[:, None], samples(target.masks)[None]
    bce = -(wanted * F.logsigmoid(logits) + (1 - wanted) * F.logsigmoid(-logits)).mean(2)
    soft = logits.sigmoid()
    dice = 1 - (2 * (soft * wanted).sum(2) + 1) / (soft.sum(2) + wanted.sum(2) + 1)
    return 5 * bce + 5 * dice - 2 * seen.class_logits[layer, clip].double().softmax(1)[:, target.labels]


def exact_dense_costs(seen: Costs, layer: int, clip: int) -> Tensor:
    """-(p + 3 dice coefficient) over all positions, pair by pair."""
    target = seen.targets[clip]
    masks = seen.mask_logits[layer, clip].double()
    soft = F.interpolate(masks, size=target.masks.shape[2:], mode="bilinear").sigmoid().flatten(1)[:, None]
    wanted = target.masks.double().flatten(1)[None]
    dice = (2 * (soft * wanted).sum(2) + 1) / (soft.sum(2) + wanted.sum(2) + 1)
    return -(seen.class_logits[layer, clip].double().softmax(1)[:, target.labels] + 3 * dice)


@contextmanager
def listening() -> Iterator[list[Costs]]:
    """What every criterion of the steps inside compares, in the order of calls."""
    heard: list[Costs] = []
    costs_of, scores_of, assign = matching.matching_costs, DenseCriterion.scores, matching.assign

    def points(classes: Tensor, masks: Tensor, targets: list[Target], weights: Any, count: int, draws: Any) -> Any:
        drawn: list[Tensor] = []

        def kept(*asked: Any, **of: Any) -> Tensor:
            drawn.append(draws(*asked, **of))
            return drawn[-1]

        costs = costs_of(classes, masks, targets, weights, count, kept)
        heard.append(Costs(classes, masks, targets, costs, exact_point_costs, drawn[0]))
        return costs

    def dense(criterion: DenseCriterion, classes: Tensor, masks: Tensor, targets: list[Target]) -> Any:
        scores = scores_of(criterion, classes, masks, targets)
        costs = [[-clip for clip in layer] for layer in scores]
        heard.append(Costs(classes, masks, targets, costs, exact_dense_costs))
        return scores

    def assigned(costs: list[list[Tensor]]) -> list[list[Match]]:
        heard[-1].matches.extend(assign(costs))
        return heard[-1].matches

    with (
        patch.object(matching, "matching_costs", points),
        patch.object(DenseCriterion, "scores", dense),
        patch.object(matching, "assign", assigned),
        patch("vita_baselines.ifc.losses.assign", assigned),
    ):
        yield heard


def build(method: str) -> nn.Module:
    """A small model whose masks are confident."""
    torch.manual_seed(0)
    model = find_method(method).build(OPTIONS[method], 3).train()
    kernels = [m for name, m in model.named_modules() if name.endswith(("mask_embedding", "mask_embedder"))]
    assert kernels
    with torch.no_grad():
        for kernel in kernels:
            last = [part for part in kernel.modules() if isinstance(part, nn.Linear)][-1]
            last.weight *= CONFIDENT[method]
    return model


def step(model: nn.Module, clips: Sequence[Clip], dtype: torch.dtype) -> tuple[StepTaken, list[Costs]]:
    """One step of training, the trainer's own, and what its criteria compared."""
    optimizer = build_optimizer(model, model.backbone_parameters(), SCHEDULE)  # type: ignore[operator]
    torch.manual_seed(1)
    with listening() as heard:
        taken = take_step(HalfOnCpu(dtype), model, optimizer, SCHEDULE, 0, lambda: model(clips))  # type: ignore[arg-type]
    return taken, heard


def said_of(model: nn.Module, clips: Sequence[Clip], dtype: torch.dtype) -> Tensor:
    """Mask logits of the last criterion, layer and clips: (B, Q, T, h, w)."""
    torch.manual_seed(1)
    with listening() as heard, torch.autocast("cpu", dtype=dtype), torch.no_grad():
        model(clips)
    return heard[-1].mask_logits[-1, -len(clips) :]


def own_objects(method: str, model: nn.Module, frames: int, dtype: torch.dtype) -> list[Clip]:
    """Two clips, one with three objects and one with two, each of which is what one query says."""
    random = torch.Generator().manual_seed(frames)
    height, width = SIZES[method]
    images = torch.randint(0, 256, (2, frames, 3, height, width), dtype=torch.uint8, generator=random)
    labels = [torch.tensor([0, 1, 2]), torch.tensor([1, 2])]
    everywhere = torch.ones(3, frames, height, width, dtype=torch.bool)
    numbers = torch.arange(1, 4)[:, None].expand(-1, frames)
    anything = [
        Clip(pictures, everywhere[: len(one)], one, numbers[: len(one)], numbers[: len(one)] > 0, 0, ())
        for pictures, one in zip(images, labels, strict=True)
    ]
    said = said_of(model, anything, dtype)
    clips = []
    for logits, clip in zip(said, anything, strict=True):
        chosen = logits[: len(clip.labels)].detach().float()
        masks = F.interpolate(chosen, size=(height, width), mode="bilinear") > 0
        ids = clip.ids.masked_fill(~masks.flatten(2).any(2), -1)
        clips.append(Clip(clip.frames, masks, clip.labels, ids, clip.annotated, 0, ()))
    return clips


def faults(heard: list[Costs]) -> list[str]:
    """Where costs or assignments are not those of 64 bits on the same logits."""
    found = []
    for number, seen in enumerate(heard):
        for layer, clips in enumerate(seen.costs):
            for clip, cost in enumerate(clips):
                exact, place = seen.exact(seen, layer, clip), f"criterion {number}, layer {layer}, clip {clip}"
                largest = float(seen.mask_logits[layer, clip].detach().abs().max())  # of what was summed
                if not torch.allclose(cost.double(), exact, rtol=1e-5, atol=1e-5 * max(largest, 1.0)):
                    found.append(f"{place}: costs")
                best = linear_sum_assignment(exact.detach().numpy())
                if any(a.tolist() != list(b) for a, b in zip(seen.matches[layer][clip], best, strict=True)):
                    found.append(f"{place}: assignment")
    return found


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("method", OPTIONS)
def test_costs_are_those_of_64_bits_and_losses_are_finite(method: str, frames: int, dtype: torch.dtype) -> None:
    model = build(method)
    taken, heard = step(model, own_objects(method, model, frames, dtype), dtype)
    assert {seen.mask_logits.dtype for seen in heard} == {dtype}  # the network itself does run in half precision
    assert max(float(seen.mask_logits.detach().abs().max()) for seen in heard) > 10
    assert faults(heard) == []
    assert all(bool(term.value.isfinite()) for term in taken.losses.terms)
    assert {term.value.dtype for term in taken.losses.terms} == {torch.float32}
    assert taken.gradient_norm.isfinite()
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("method", OPTIONS)
def test_costs_under_autocast_would_be_seen(method: str, frames: int) -> None:
    model = build(method)
    clips = own_objects(method, model, frames, torch.float16)
    unguarded = SetCriterion.__call__.__wrapped__, DenseCriterion.__call__.__wrapped__  # type: ignore[attr-defined]
    with patch.object(SetCriterion, "__call__", unguarded[0]), patch.object(DenseCriterion, "__call__", unguarded[1]):
        found = faults(step(model, clips, torch.float16)[1])
    assert [fault for fault in found if fault.endswith("costs")]
    if frames > 1:  # a whole clip is more than the range of 16 bits: the wrong query wins
        assert [fault for fault in found if fault.endswith("assignment")]


# Where autocast is looked at: everything that has to be computed without it, and what it is computed with.
GUARDED = [
    (SetCriterion, "__call__"),
    (DenseCriterion, "__call__"),
    (FullPrecisionPixelDecoder, "forward"),
    (vita_network, "similarity_loss"),
]
COMPUTE = {"grid_sample", "matmul", "softmax", "sigmoid", "softplus", "interpolate", "linear", "conv2d", "group_norm",
           "binary_cross_entropy_with_logits", "cross_entropy", "layer_norm"}  # fmt: skip


class Watch(TorchFunctionMode):
    """Notes every operation between `enter` and `leave` that runs under autocast or computes in half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.seen, self.wrong = 0, set[str](), set[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if self.inside and name in COMPUTE:
            self.seen.add(name)
            tensors = [x for x in (*args, *(kwargs or {}).values()) if isinstance(x, Tensor)]
            if torch.is_autocast_enabled("cpu") or any(t.dtype in HALF for t in tensors):
                self.wrong.add(name)
        return func(*args, **(kwargs or {}))

    def within(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, during which operations are looked at."""

        def watched(*args: Any, **options: Any) -> Any:
            self.inside += 1
            try:
                return call(*args, **options)
            finally:
                self.inside -= 1

        return watched


def watched_step(method: str, monkeypatch: pytest.MonkeyPatch) -> Watch:
    model, watch = build(method), Watch()
    clips = own_objects(method, model, 2, torch.float16)
    for owner, name in GUARDED:
        monkeypatch.setattr(owner, name, watch.within(getattr(owner, name)))
    with watch, torch.autocast("cpu", dtype=torch.float16):
        model(clips)
    return watch


EXPECTED = {
    "vita": COMPUTE,
    "mask2former_vis": COMPUTE,
    "ifc": {"matmul", "softmax", "sigmoid", "interpolate", "binary_cross_entropy_with_logits", "cross_entropy"},
}


@pytest.mark.parametrize("method", OPTIONS)
def test_no_operation_of_them_runs_under_autocast(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watched_step(method, monkeypatch)
    assert watch.wrong == set()
    assert watch.seen >= EXPECTED[method]


@pytest.mark.parametrize(
    ("owner", "name", "method"),
    [
        (SetCriterion, "__call__", "vita"),
        (SetCriterion, "__call__", "mask2former_vis"),
        (DenseCriterion, "__call__", "ifc"),
        (FullPrecisionPixelDecoder, "forward", "vita"),
        (FullPrecisionPixelDecoder, "forward", "mask2former_vis"),
        (vita_network, "similarity_loss", "vita"),
    ],
)
def test_each_guard_is_missed(owner: Any, name: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, getattr(owner, name).__wrapped__)
    assert watched_step(method, monkeypatch).wrong


@pytest.mark.parametrize("part", ["sample", "uncertain_points", "match"])
def test_any_part_that_goes_back_is_seen(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(set_criterion, part)

    def back(*args: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.float16):
            return original(*args)

    monkeypatch.setattr(set_criterion, part, back)
    assert watched_step("vita", monkeypatch).wrong


def test_the_sum_that_keeps_the_graph_is_finite() -> None:
    logits = torch.full((2, 1, 1, 1, 100, 100), 10.0, dtype=torch.float16)  # 100,000, where 65,504 is the most
    assert nothing_of(logits).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("method", OPTIONS)
def test_a_batch_without_objects_has_finite_losses(method: str, dtype: torch.dtype) -> None:
    model = build(method)
    height, width = SIZES[method]
    images = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
    nothing = torch.zeros(0, 2, height, width, dtype=torch.bool)
    clip = Clip(images, nothing, torch.zeros(0).long(), torch.zeros(0, 2).long(), torch.zeros(0, 2).bool(), 0, ())
    taken, heard = step(model, [clip], dtype)
    assert all(bool(term.value.isfinite()) for term in taken.losses.terms)
    assert heard
