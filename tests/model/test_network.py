"""What is trained in which stage, and symmetries of the objective."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vita.blocks.losses.point_sampling import Owners
from vita.core.contract import Clip, Losses
from vita.model.method import Vita

Build = Callable[..., Vita]
MakeClip = Callable[..., Clip]


def same_points(purpose: str, *shape: int, owners: Owners) -> Tensor:
    """Every mask and every matching sees the same points."""
    random = torch.Generator().manual_seed(len(purpose))
    return torch.rand(shape[-2:], generator=random).expand(shape)


def values(losses: Losses) -> dict[str, float]:
    return {term.name: term.value.item() for term in losses.terms}


def without_gradient(model: Vita) -> set[str]:
    """Names of parameters that the last backward pass did not reach."""
    return {name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()}


@pytest.fixture
def clips(random_clip: MakeClip) -> list[Clip]:
    return [random_clip(0), random_clip(1, objects=3)]


def test_joint_training_reaches_every_parameter(tiny_vita: Build, clips: list[Clip]) -> None:
    model = tiny_vita().train()
    losses = model(clips)
    assert [(term.name, term.weight) for term in losses.terms] == [
        ("frame_classification", 2.0),
        ("frame_mask", 5.0),
        ("frame_dice", 5.0),
        ("video_classification", 2.0),
        ("video_mask", 5.0),
        ("video_dice", 5.0),
        ("similarity", 0.5),
    ]
    assert_close(losses.total, sum(term.value * term.weight for term in losses.terms))
    losses.total.backward()
    assert not without_gradient(model)
    # The pixel decoder's level embedding only enters where it samples, and sampling starts without weights.
    still = {name for name, p in model.named_parameters() if p.grad.abs().max() == 0}
    assert still <= {"detector.mask2former.pixel_level_module.decoder.level_embed"}


def test_frozen_stage_leaves_the_detector_as_it_is(tiny_vita: Build, clips: list[Clip]) -> None:
    model = tiny_vita(stage="frozen").train()
    before = {name: value.clone() for name, value in model.detector.state_dict().items()}
    losses = model(clips)
    assert set(values(losses)) == {"video_classification", "video_mask", "video_dice", "similarity"}
    losses.total.backward()
    assert without_gradient(model) == {name for name, _ in model.named_parameters() if name.startswith("detector.")}
    assert all(torch.equal(value, before[name]) for name, value in model.detector.state_dict().items())
    assert any("running_mean" in name for name in before)  # trained batch norm, which would move in training mode
    assert not model.detector.training
    assert model.object_encoder.training


def test_frozen_stage_has_the_video_losses_of_joint_training(tiny_vita: Build, clips: list[Clip]) -> None:
    joint, frozen = (tiny_vita(stage=stage, norm="frozen").train() for stage in ("joint", "frozen"))
    expected = values(joint.losses(clips, same_points))
    for name, value in values(frozen.losses(clips, same_points)).items():
        assert value == pytest.approx(expected[name], rel=1e-5)


def test_detector_stage_trains_the_detector_alone(tiny_vita: Build, clips: list[Clip]) -> None:
    model = tiny_vita(stage="detector").train()
    losses = model(clips)
    assert set(values(losses)) == {"frame_classification", "frame_mask", "frame_dice"}
    losses.total.backward()
    assert without_gradient(model) == {name for name, _ in model.named_parameters() if not name.startswith("detector.")}
    kept = model.state_to_keep()
    assert kept
    assert set(kept) == {name for name in model.state_dict() if name.startswith("detector.")}


@pytest.mark.parametrize("stage", ["joint", "frozen"])
def test_other_stages_keep_everything(tiny_vita: Build, stage: str) -> None:
    model = tiny_vita(stage=stage)
    assert set(model.state_to_keep()) == set(model.state_dict())


def test_backbone_parameters_are_the_feature_extractors(tiny_vita: Build) -> None:
    model = tiny_vita()
    names = {name for name, p in model.named_parameters() if any(p is q for q in model.backbone_parameters())}
    assert names == {name for name, _ in model.named_parameters() if ".pixel_level_module.encoder." in name}
    assert len(names) == len(model.backbone_parameters()) > 10


def test_the_objective_follows_from_the_seed(tiny_vita: Build, clips: list[Clip]) -> None:
    model = tiny_vita(norm="frozen").train()
    totals = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        totals.append(model(clips).total.item())
    assert totals[0] == totals[1] != totals[2]


@torch.no_grad()
def test_a_clip_twice_is_the_clip_once(tiny_vita: Build, random_clip: MakeClip) -> None:
    model, clip = tiny_vita().train(), random_clip(0, frames=3)
    once = values(model.losses([clip], same_points))
    twice = values(model.losses([clip, clip], same_points))
    assert twice == pytest.approx(once, rel=1e-3)


@torch.no_grad()
def test_order_of_clips_and_objects_and_their_numbers_do_not_matter(tiny_vita: Build, clips: list[Clip]) -> None:
    model = tiny_vita().train()
    before = values(model.losses(clips, same_points))
    assert values(model.losses(clips[::-1], same_points)) == pytest.approx(before, rel=1e-3)
    turned = [replace(c, masks=c.masks.flip(0), labels=c.labels.flip(0), ids=c.ids.flip(0)) for c in clips]
    assert values(model.losses(turned, same_points)) == pytest.approx(before, rel=1e-3)
    renamed = [replace(c, ids=90 - 7 * c.ids) for c in clips]
    assert values(model.losses(renamed, same_points)) == pytest.approx(before, rel=1e-3)


@torch.no_grad()
def test_identities_matter_to_the_similarity_loss_alone(tiny_vita: Build, random_clip: MakeClip) -> None:
    model, clip = tiny_vita().train(), random_clip(0, frames=3)
    swapped_ids = clip.ids.clone()
    swapped_ids[:, 1] = clip.ids.flip(0)[:, 1]
    swapped = replace(clip, ids=swapped_ids)
    before, after = (values(model.losses([c], same_points)) for c in (clip, swapped))
    assert {name for name in before if abs(before[name] - after[name]) > 1e-3} == {"similarity"}


@torch.no_grad()
def test_clips_of_different_size_in_one_batch(
    tiny_vita: Build, random_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller clip is the clip that was padded before with the mean colour, which normalises to zero."""
    monkeypatch.setattr("vita.blocks.frame_detector.PIXEL_MEAN", (124.0, 116.0, 104.0))  # whole grey levels
    model = tiny_vita(norm="frozen").train()
    large, small = random_clip(0, height=64, width=64), random_clip(1, height=40, width=50)
    frames = torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None].expand(2, 3, 64, 64).clone()
    frames[..., :40, :50] = small.frames
    masks = torch.nn.functional.pad(small.masks, (0, 14, 0, 24))
    padded = replace(small, frames=frames, masks=masks)
    expected = values(model.losses([large, padded], same_points))
    assert values(model.losses([large, small], same_points)) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_training_windows_never_shift(tiny_vita: Build, random_clip: MakeClip) -> None:
    clip = random_clip(0, frames=4)
    whole, four, two = (
        values(tiny_vita(window=w, norm="frozen").train().losses([clip], same_points)) for w in (0, 4, 2)
    )
    assert four == pytest.approx(whole, rel=1e-5)  # with shifts only a window of 8 would be
    assert two["video_mask"] != pytest.approx(whole["video_mask"], rel=1e-5)


@torch.no_grad()
def test_clips_without_objects(tiny_vita: Build, random_clip: MakeClip) -> None:
    model = tiny_vita().train()
    empty = random_clip(0, objects=0)
    nothing = values(model.losses([empty, empty], same_points))
    assert all(nothing[name] == 0 for name in nothing if "classification" not in name)
    assert nothing["video_classification"] > 0
    mixed = model.losses([empty, random_clip(1)], same_points)
    assert mixed.total.isfinite()
    assert values(mixed)["video_mask"] > 0
