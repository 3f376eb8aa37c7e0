"""The parts of a batch add up to the batch: losses and gradients, with dropout and drop path, of every method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_vita import TINY
from torch import nn

from vita.blocks.clip_dropout import ClipDropout
from vita.core.batch import DrawsByClip, clip_seeds, summary_of, whole_batch
from vita.core.contract import BatchPart, Clip, ClipSummary, Losses, UserError
from vita.core.plugins import find_method
from vita.engine.passes import drawing_modules, key_draws, passes_of, shares_of
from vita.engine.processes import Processes
from vita.engine.recomputation import recompute_layers

MakeClip = Callable[..., Clip]
RESNET = {**TINY["detector"], "norm": "frozen"}
SWIN = {"kind": "swin", "channels": 8, "depths": [1, 1, 2, 1], "heads": [1, 1, 2, 2], "window": 4, "drop_path": 0.5}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "vita": ("vita", {**TINY, "detector": RESNET}),
    "vita_swin": ("vita", {**TINY, "detector": {**RESNET, "backbone": SWIN}}),
    "mask2former_vis": ("mask2former_vis", {"detector": RESNET, "points": 16}),
    "minvis": ("minvis", {"detector": RESNET, "points": 16}),
    "videomt": (
        "videomt",
        {
            "sizes": {
                **{"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "mlp_ratio": 2},
                **{"image_size": 32, "patch_size": 8, "num_blocks": 2, "num_queries": 5, "num_register_tokens": 0},
            },
            "points": 16,
        },
    ),
    "ifc": (
        "ifc",
        {
            "backbone": TINY["detector"]["backbone"],
            **{"norm": "frozen", "frozen_stages": 0, "channels": 32, "heads": 4, "feedforward": 32},
            **{"queries": 6, "memory_tokens": 3, "dropout": 0.3, "encoder_layers": 2, "decoder_layers": 2},
        },
    ),
}


def build(name: str) -> nn.Module:
    """A tiny model of 3 classes; always the same weights."""
    torch.manual_seed(0)
    method, options = METHODS[name]
    model = find_method(method).build(options, 3).train()
    if name == "vita_swin":  # larger weights: what it drops is then seen in the losses
        with torch.no_grad():
            for weight in model.backbone_parameters():
                weight.mul_(5 if weight.ndim > 1 else 1)
    return model


@pytest.fixture
def clips(random_clip: MakeClip) -> list[Clip]:
    """Of three sizes; one without an object, one with more than there are video queries, one that an object leaves."""
    leaving = random_clip(3, objects=2)
    leaving.ids[0, 1], leaving.annotated[0, 1] = -1, False
    leaving.masks[0, 1] = False
    return [
        random_clip(0, width=96, objects=6),
        random_clip(1, objects=0),
        random_clip(2, height=40, objects=3),
        leaving,
    ]


def learn(model: nn.Module, clips: list[Clip], numbers: tuple[int, ...], step: int = 3) -> Losses:
    """The losses of some clips of the batch; their gradients are added to the model's."""
    part = BatchPart(tuple(map(summary_of, clips)), numbers, seed=5, step=step)
    key_draws(drawing_modules(model), part)
    losses: Losses = model([clips[number] for number in numbers], part)
    losses.total.backward()
    return losses


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("parts", [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0,), (1,), (2,), (3,)), ((1, 2, 3), (0,))])
def test_parts_add_up(name: str, parts: tuple[tuple[int, ...], ...], clips: list[Clip]) -> None:
    whole, divided = build(name), build(name)
    expected = {term.name: term.value.item() for term in learn(whole, clips, (0, 1, 2, 3)).terms}
    losses = [learn(divided, clips, numbers) for numbers in parts]
    found = {term.name: sum(one.terms[k].value.item() for one in losses) for k, term in enumerate(losses[0].terms)}
    assert found == pytest.approx(expected, rel=1e-5)
    ours, theirs = gradients(divided), gradients(whole)
    assert ours.keys() == theirs.keys()
    total = torch.stack([one.norm() for one in theirs.values()]).norm()
    for key, gradient in theirs.items():
        assert (ours[key] - gradient).norm() <= 1e-5 * total, key


@pytest.mark.parametrize("name", ["vita_swin", "ifc"])
def test_dropout_is_drawn_for_each_clip_and_step(name: str, clips: list[Clip]) -> None:
    """It does something, is the same at the same step, and leaves torch's generator as it is."""
    before = torch.get_rng_state()
    first, again, later = (learn(build(name), clips, (0, 2), step=step).total.item() for step in (3, 3, 4))
    assert first == again != later
    model = build(name)
    for module in model.modules():
        if isinstance(module, ClipDropout):
            module.rate = 0.0
    assert learn(model, clips, (0, 2)).total.item() != pytest.approx(first, rel=1e-4)
    torch.set_rng_state(before)
    learn(build(name), clips, (0,))
    torch.manual_seed(0)
    expected = torch.get_rng_state()
    dropout = ClipDropout(0.5).train()
    dropout.key_clips([1, 2])
    dropout(torch.ones(4, 3))
    first, second = dropout.by_clip(lambda rows: rows * torch.rand(2, 3), torch.ones(4, 3)).split(2)
    assert torch.equal(torch.get_rng_state(), expected)
    assert torch.equal(first, torch.rand(2, 3, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(second, torch.rand(2, 3, generator=torch.Generator().manual_seed(2)))


def test_every_row_of_a_clip_is_dropped_by_its_own_seed() -> None:
    dropout = ClipDropout(0.5).train()
    rows = torch.ones(6, 50)
    dropout.key_clips([7, 8, 9])
    whole = dropout(rows)
    dropout.key_clips([8])
    assert torch.equal(dropout(rows[:2]), whole[2:4])
    assert set(whole.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(whole[:2], whole[2:4])


def test_drop_path_drops_whole_images() -> None:
    dropout = ClipDropout(0.5, whole_rows=True).train()
    dropout.key_clips(range(40))
    kept = dropout(torch.ones(80, 3, 4)).flatten(1)
    assert set(kept[:, 0].tolist()) == {0.0, 2.0}
    assert torch.equal(kept, kept[:, :1].expand_as(kept))


def test_outside_training_nothing_is_dropped() -> None:
    dropout = ClipDropout(0.5).eval()
    dropout.key_clips([1])
    assert torch.equal(dropout(torch.ones(2, 3)), torch.ones(2, 3))


def test_which_parts_draw() -> None:
    """Of Swin's five blocks, all but the first; of IFC four a frame layer, four a memory layer, six a query layer."""
    counts = {name: len(drawing_modules(build(name))) for name in METHODS}
    of_swin, of_ifc = 1 + 2 + 1, 2 * 4 + 2 * 4 + 2 * 6
    active = [m for m in build("vita_swin").modules() if isinstance(m, ClipDropout) and m.rate]
    assert len(active) == of_swin
    assert counts["ifc"] == of_ifc
    assert isinstance(active[0], DrawsByClip)


# How a batch is shared out


def test_summaries_tell_what_objectives_count(clips: list[Clip]) -> None:
    assert [summary_of(clip) for clip in clips] == [
        ClipSummary(32, 96, 6, (6, 6), 6),
        ClipSummary(32, 64, 0, (0, 0), 0),
        ClipSummary(40, 64, 3, (3, 3), 3),
        ClipSummary(32, 64, 2, (2, 1), 1),
    ]


def test_seeds_follow_from_the_number_in_the_batch() -> None:
    summary = ClipSummary(8, 8, 1, (1,), 1)
    part = BatchPart((summary,) * 4, (1, 3), seed=2, step=9)
    first, second = clip_seeds(part, "dropout", 3)
    assert clip_seeds(replace(part, numbers=(3,)), "dropout", 3) == [second]
    others = [replace(part, seed=3), replace(part, step=8), replace(part, numbers=(0, 2))]
    seen = [
        first,
        second,
        *clip_seeds(part, "points", 3),
        *(s for one in others for s in clip_seeds(one, "dropout", 3)),
    ]
    flat = [seed for seeds in seen for seed in seeds]
    assert len(set(flat)) == len(flat)


def test_shares_of_a_batch() -> None:
    assert list(shares_of(range(1, 3), 4, Processes())) == [[4, 5, 6, 7], [8, 9, 10, 11]]
    assert [list(shares_of(range(1, 2), 4, Processes(3, rank))) for rank in range(3)] == [[[4, 7]], [[5]], [[6]]]


def test_passes_of_one_process(clips: list[Clip]) -> None:
    passes = passes_of(clips, 5, 3, 3, Processes())
    assert [one.part.numbers for one in passes] == [(0, 1, 2), (3,)]
    assert [list(one.clips) for one in passes] == [clips[:3], clips[3:]]
    assert all(one.part.whole == whole_batch(clips).whole and one.part.step == 3 for one in passes)
    with pytest.raises(UserError, match="a damaged frame"):
        passes_of([clips[0], UserError("a damaged frame")], 5, 3, None, Processes())


# Activation checkpointing


def kept_bytes(model: nn.Module, clips: list[Clip]) -> int:
    """Of activations that a step keeps for its backward pass."""
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        learn(model, clips, (0, 2, 3))
    return sum(sizes.values())


@pytest.mark.parametrize("name", METHODS)
def test_recomputed_layers_have_the_same_gradients(name: str, clips: list[Clip]) -> None:
    plain, recomputed = build(name), build(name)
    assert recompute_layers(recomputed)
    assert kept_bytes(recomputed, clips) < kept_bytes(plain, clips)
    ours, theirs = gradients(recomputed), gradients(plain)
    assert ours.keys() == theirs.keys()
    for key, gradient in theirs.items():
        assert torch.equal(ours[key], gradient), key
    assert recomputed.state_dict().keys() == plain.state_dict().keys()


def test_layers_that_count_images_are_not_recomputed() -> None:
    """Trained norms of the backbone would see each image twice; the frame decoder's layers have none."""
    torch.manual_seed(0)
    layers = recompute_layers(find_method("vita").build(TINY, 3))
    assert not any("pixel_level_module.encoder" in name for name in layers)
    assert {"object_encoder.layers.0", "object_decoder.layers.1"} <= set(layers)
    assert any("pixel_level_module.encoder" in name for name in recompute_layers(build("vita_swin")))


def test_a_model_without_layers_is_told() -> None:
    with pytest.raises(UserError, match="no stack of layers to recompute; leave it out"):
        recompute_layers(nn.Sequential(nn.Linear(2, 2)))
