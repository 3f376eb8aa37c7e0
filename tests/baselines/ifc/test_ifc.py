"""Symmetries of the objective, and what is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import Clip, Losses
from vita_baselines.ifc.encoder import InterFrameEncoder
from vita_baselines.ifc.method import Ifc
from vita_baselines.ifc.network import padded_sizes

Build = Callable[..., Ifc]
MakeClip = Callable[..., Clip]


def values(losses: Losses) -> dict[str, float]:
    return {term.name: term.value.item() for term in losses.terms}


@pytest.fixture
def clips(random_clip: MakeClip) -> list[Clip]:
    return [random_clip(0), random_clip(1, objects=3)]


@pytest.mark.parametrize("encoder_stride", [32, 16])
def test_training_reaches_every_parameter(tiny: Build, clips: list[Clip], encoder_stride: int) -> None:
    model = tiny(norm="trained", encoder_stride=encoder_stride).train()
    losses = model(clips)
    assert [(term.name, term.weight) for term in losses.terms] == [
        ("clip_classification", 1.0),
        ("clip_mask", 3.0),
        ("clip_dice", 3.0),
    ]
    losses.total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    # Queries begin as zeros: in the first self-attention all have the same value, whomever they attend to.
    still = {name for name, p in model.named_parameters() if p.grad.abs().max() == 0}
    assert all(name.startswith("decoder.layers.0.self_attention.") for name in still)


@pytest.mark.parametrize(("frozen", "trained"), [(0, 5), (2, 3), (5, 0)])
def test_first_parts_of_the_backbone_do_not_train(tiny: Build, clips: list[Clip], frozen: int, trained: int) -> None:
    model = tiny(frozen_stages=frozen).train()
    model(clips).total.backward()
    extractor = model.backbone.extractor
    parts = [extractor.embedder, *extractor.encoder.stages]
    learning = [any(p.grad is not None for p in part.parameters()) for part in parts]
    assert learning == [False] * frozen + [True] * trained
    assert {id(p) for p in model.backbone_parameters()} == {id(p) for p in model.backbone.parameters()}


def test_encoder_stride_sets_the_stride_of_masks(tiny: Build) -> None:
    for stride, size in ((32, (4, 8)), (16, (8, 16))):
        model = tiny(encoder_stride=stride).eval()
        output = model.decode(model.see(torch.zeros(2, 3, 32, 64)), 1, None)
        assert output.mask_logits.shape == (3, 1, 6, 2, *size)
        assert output.class_logits.shape == (3, 1, 6, 4)


@torch.no_grad()
def test_a_clip_twice_is_the_clip_once(tiny: Build, random_clip: MakeClip) -> None:
    model, clip = tiny().train(), random_clip(0, frames=3)
    once, twice = (values(model([clip] * count)) for count in (1, 2))
    assert twice == pytest.approx(once, rel=1e-4)


@torch.no_grad()
def test_order_of_clips_and_objects_and_their_numbers_do_not_matter(tiny: Build, clips: list[Clip]) -> None:
    model = tiny().train()
    before = values(model(clips))
    assert values(model(clips[::-1])) == pytest.approx(before, rel=1e-4)
    turned = [replace(c, masks=c.masks.flip(0), labels=c.labels.flip(0), ids=90 - 7 * c.ids.flip(0)) for c in clips]
    assert values(model(turned)) == pytest.approx(before, rel=1e-4)


@torch.no_grad()
def test_an_object_that_a_frame_does_not_show_has_an_empty_mask_there(tiny: Build, random_clip: MakeClip) -> None:
    """Its class is taught all the same: unlike Mask2Former-VIS, the release looks for it in all frames."""
    clip, model = random_clip(0, frames=3), tiny().train()
    ids, masks = clip.ids.clone(), clip.masks.clone()
    ids[0, 2], masks[0, 2] = -1, False
    leaving = replace(clip, ids=ids, masks=masks)
    relabelled = replace(leaving, labels=(leaving.labels + 1) % 3)
    assert values(model([leaving]))["clip_mask"] != values(model([clip]))["clip_mask"]
    assert values(model([leaving])) != values(model([relabelled]))


@torch.no_grad()
def test_clips_without_objects(tiny: Build, random_clip: MakeClip) -> None:
    model, empty = tiny().train(), random_clip(0, objects=0)
    nothing = values(model([empty, empty]))
    assert nothing["clip_mask"] == nothing["clip_dice"] == 0
    assert nothing["clip_classification"] > 0
    mixed = values(model([empty, random_clip(1)]))
    assert mixed["clip_mask"] > 0
    assert torch.tensor(list(mixed.values())).isfinite().all()


@torch.no_grad()
def test_padding_is_seen_by_no_query(tiny: Build, random_clip: MakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder is told of positions that a smaller clip does not reach; without that, others would hear of them."""
    told: list[list[list[int]]] = []
    forward = InterFrameEncoder.forward

    def listening(encoder: InterFrameEncoder, maps: torch.Tensor, padding: torch.Tensor | None) -> object:
        told.append([] if padding is None else padding[:, 0].int().flatten(1).tolist())
        return forward(encoder, maps, padding)

    monkeypatch.setattr(InterFrameEncoder, "forward", listening)
    large, small = random_clip(0, height=64), random_clip(1, height=32, width=64)
    tiny().train()([large, large])
    tiny().train()([large, small])
    assert told == [[], [[0, 0, 0, 0], [0, 0, 1, 1]]]  # 2 x 2 positions of 32 pixels


def test_images_are_padded_to_the_largest_only(random_clip: MakeClip) -> None:
    clips = [random_clip(0, height=30, width=50), random_clip(1, height=20, width=61)]
    images = normalise_and_pad([clip.frames for clip in clips], divisor=1)
    assert images.shape == (4, 3, 30, 61)
    assert padded_sizes(clips, images) == [(30, 50)] * 2 + [(20, 61)] * 2
    assert padded_sizes(clips[:1] * 2, images[..., :50]) is None


@torch.no_grad()
def test_images_alone_are_clips_of_one_frame(tiny: Build, random_clip: MakeClip) -> None:
    """Image pre-training: memory tokens of one frame have only themselves to talk to."""
    model = tiny().train()
    images = [random_clip(seed, frames=1) for seed in range(3)]
    alone = [model.decode(model.see(normalise_and_pad([i.frames], divisor=1)), 1, None) for i in images]
    together = model.decode(model.see(normalise_and_pad([i.frames for i in images], divisor=1)), 3, None)
    assert_close(together.class_logits, torch.cat([a.class_logits for a in alone], 1), atol=1e-4, rtol=1e-4)
    assert_close(together.mask_logits, torch.cat([a.mask_logits for a in alone], 1), atol=1e-3, rtol=1e-4)


def test_the_state_that_is_kept_is_the_whole(tiny: Build) -> None:
    model = tiny()
    assert model.state_to_keep().keys() == model.state_dict().keys()
    assert {name for name in model.state_dict() if "class_head" in name} == {"class_head.weight", "class_head.bias"}
