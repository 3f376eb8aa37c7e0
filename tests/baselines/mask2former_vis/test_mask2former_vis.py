"""Symmetries of the objective, the labels it teaches, and prediction of whole videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from promises import unchanged
from same_tracks import assert_same
from torch import Tensor
from torch.testing import assert_close

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.losses.point_sampling import Owners, UniformDraws
from vita.blocks.mask_decoding import decode, top_pairs
from vita.core.contract import Clip, Losses, Track, Video
from vita.data.augment.clip_transform import ClipTransform, Step
from vita.data.augment.transforms import Resize
from vita.data.masks.rle import encode
from vita.data.sampling.clips import make_clip
from vita.data.ytvis import Instance
from vita.engine.inference_plan import VideoInParts
from vita.model.method import Vita
from vita.official.checkpoints.state_dict import official_names_of, our_names_of
from vita.official.conformance.recording import StoredFrames
from vita.official.plugins import find_official
from vita_baselines.mask2former_vis import network as module
from vita_baselines.mask2former_vis.network import Mask2FormerVis

Build = Callable[..., Mask2FormerVis]
MakeClip = Callable[..., Clip]
VARIANTS = {"intact": None, "again": None}


def same_points(purpose: str, *shape: int, owners: Owners) -> Tensor:
    """Every mask and every matching sees the same points."""
    random = torch.Generator().manual_seed(len(purpose))
    return torch.rand(shape[-2:], generator=random).expand(shape)


def values(losses: Losses) -> dict[str, float]:
    return {term.name: term.value.item() for term in losses.terms}


@pytest.fixture
def clips(random_clip: MakeClip) -> list[Clip]:
    return [random_clip(0), random_clip(1, objects=3)]


# The objective


def test_training_reaches_every_parameter(tiny: Build, clips: list[Clip]) -> None:
    model = tiny(norm="trained").train()
    losses = model(clips)
    weights = [("video_classification", 2.0), ("video_mask", 5.0), ("video_dice", 5.0)]
    assert [(term.name, term.weight) for term in losses.terms] == weights
    losses.total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    # The pixel decoder's level embedding only enters where it samples, and sampling starts without weights.
    still = {name for name, p in model.named_parameters() if p.grad.abs().max() == 0}
    assert still <= {"pixel_level.decoder.level_embed"}


def test_the_objective_follows_from_the_seed(tiny: Build, clips: list[Clip]) -> None:
    totals = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        totals.append(tiny().train().losses(clips, UniformDraws(torch.device("cpu"))).total.item())
    assert totals[0] == totals[1]
    model = tiny().train()
    torch.manual_seed(6)
    assert model(clips).total.item() != pytest.approx(totals[0], rel=1e-6)


@torch.no_grad()
def test_a_clip_twice_is_the_clip_once(tiny: Build, random_clip: MakeClip) -> None:
    model, clip = tiny().train(), random_clip(0, frames=3)
    once, twice = (values(model.losses([clip] * count, same_points)) for count in (1, 2))
    assert twice == pytest.approx(once, rel=1e-3)


@torch.no_grad()
def test_order_of_clips_and_objects_and_their_numbers_do_not_matter(tiny: Build, clips: list[Clip]) -> None:
    model = tiny().train()
    before = values(model.losses(clips, same_points))
    assert values(model.losses(clips[::-1], same_points)) == pytest.approx(before, rel=1e-3)
    turned = [replace(c, masks=c.masks.flip(0), labels=c.labels.flip(0), ids=90 - 7 * c.ids.flip(0)) for c in clips]
    assert values(model.losses(turned, same_points)) == pytest.approx(before, rel=1e-3)


@torch.no_grad()
def test_mask_losses_grow_with_the_number_of_frames(tiny: Build, random_clip: MakeClip) -> None:
    """They are summed over the frames of an instance, and divided by the number of instances.

    A clip that shows one image all the time, to a decoder that does not tell times apart, costs T times the image.
    """
    image, model = random_clip(0, frames=1), tiny().train()
    for part in (model.decoder.query_content, model.decoder.mask_embedding[-1]):
        part.weight.mul_(0.1)  # masks that hardly depend on what the queries gather
    still = replace(image, frames=image.frames.expand(4, -1, -1, -1), masks=image.masks.expand(-1, 4, -1, -1))
    still = replace(still, ids=image.ids.expand(-1, 4), annotated=image.annotated.expand(-1, 4))
    one, four = (values(model.losses([clip], same_points)) for clip in (image, still))
    assert four["video_mask"] == pytest.approx(4 * one["video_mask"], rel=0.05)
    assert four["video_dice"] == pytest.approx(4 * one["video_dice"], rel=0.05)
    assert four["video_classification"] == pytest.approx(one["video_classification"], rel=0.2)


def test_images_teach_what_they_teach_the_image_model(
    tiny: Build, tiny_vita: Callable[..., Vita], random_clip: MakeClip
) -> None:
    """The release starts from image Mask2Former, which is VITA's detector alone.

    On clips of one frame, with the same weights and points: the same losses, and the same gradient of every weight.
    """
    images = [random_clip(0, frames=1), random_clip(1, frames=1, objects=3)]
    ours, theirs = tiny().train(), tiny_vita(stage="detector", norm="frozen").train()
    official, of_vita = find_official("mask2former_vis"), find_official("vita")
    weights = official_names_of(ours.state_dict(), official)
    theirs.load_state_dict(our_names_of(weights, theirs.state_to_keep(), of_vita), strict=False)
    losses = [model.losses(images, same_points) for model in (ours, theirs)]
    assert list(values(losses[0]).values()) == pytest.approx(list(values(losses[1]).values()), rel=1e-5)
    gradients = []
    for model, counterpart, one in zip((ours, theirs), (official, of_vita), losses, strict=True):
        one.total.backward()
        learnt = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        gradients.append(official_names_of(learnt, counterpart))
    assert gradients[0].keys() == gradients[1].keys() and len(gradients[0]) > 100
    for name, gradient in gradients[0].items():
        difference = (gradient - gradients[1][name]).norm()
        assert difference <= 2e-4 * gradient.norm() + 1e-4, name  # of norms of 1 to 50


@torch.no_grad()
def test_clips_without_objects(tiny: Build, random_clip: MakeClip) -> None:
    model, empty = tiny().train(), random_clip(0, objects=0)
    nothing = values(model.losses([empty, empty], same_points))
    assert nothing["video_mask"] == nothing["video_dice"] == 0
    assert nothing["video_classification"] > 0
    mixed = values(model.losses([empty, random_clip(1)], same_points))
    assert mixed["video_mask"] > 0
    assert np.isfinite(list(mixed.values())).all()


@torch.no_grad()
def test_clips_of_different_size_in_one_batch(
    tiny: Build, random_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller clip is the clip that was padded before with the mean colour, which normalises to zero."""
    monkeypatch.setattr("vita.blocks.frame_detector.PIXEL_MEAN", (124.0, 116.0, 104.0))  # whole grey levels
    model, large, small = tiny().train(), random_clip(0, height=64), random_clip(1, height=40, width=50)
    frames = torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None].expand(2, 3, 64, 64).clone()
    frames[..., :40, :50] = small.frames
    padded = replace(small, frames=frames, masks=torch.nn.functional.pad(small.masks, (0, 14, 0, 24)))
    expected = values(model.losses([large, padded], same_points))
    assert values(model.losses([large, small], same_points)) == pytest.approx(expected, rel=1e-5)


# Labels


@pytest.fixture
def leaving(random_clip: MakeClip) -> Clip:
    """Three objects of classes 2, 0 and 1; the second leaves before the last of three frames, the third comes late."""
    clip = random_clip(0, frames=3, objects=3)
    ids, masks = clip.ids.clone(), clip.masks.clone()
    for instance, frame in ((1, 2), (2, 0)):
        ids[instance, frame] = -1
        masks[instance, frame] = False
    return replace(clip, ids=ids, masks=masks, annotated=ids != -1, labels=torch.tensor([2, 0, 1]))


@pytest.mark.parametrize(("labels", "taught"), [("last_frame", [2, 3, 1]), ("instance", [2, 0, 1])])
def test_what_an_object_is_called_that_the_last_frame_does_not_show(
    tiny: Build, leaving: Clip, labels: str, taught: list[int]
) -> None:
    (target,) = tiny(labels=labels).targets([leaving], (32, 64))
    assert target.labels.tolist() == taught  # 3 is "no object"
    assert torch.equal(target.masks, leaving.masks)  # taught all the same
    assert leaving.labels.tolist() == [2, 0, 1]  # the clip stays as it is


def test_an_object_that_resizing_swallowed_in_the_last_frame_keeps_its_class(tiny: Build, tmp_path: Path) -> None:
    """As in the release, which then takes its number away in that frame, but not its class.

    Frames of 24 x 16 pixels become 12 x 8: of each two rows and columns the second is kept, number 1, 3, 5 and so on.
    The square stays in both frames; the speck fills four pixels in the first frame and one in the last, in row 6, which
    is not kept; the guest has no mask in the last frame.
    """
    masks = np.zeros((4, 24, 16), bool)
    square, speck, dot, guest = masks
    square[8:16, 4:12] = speck[18:20, 2:4] = dot[6, 7] = guest[0:4, 0:4] = True
    whole, first, last, seen = encode(masks)
    codes = [(whole, whole), (first, last), (seen, None)]
    instances = [Instance(number, label, codes[number], False) for number, label in enumerate((2, 0, 1))]
    for t in range(2):
        Image.new("RGB", (16, 24)).save(tmp_path / f"{t}.png")
    video = Video(1, "clip", 24, 16, tuple(tmp_path / f"{t}.png" for t in range(2)))
    transform = ClipTransform((24, 16), (Step((Resize((24, 16), (12, 8)),) * 2, (12, 8)),))
    clip = make_clip(video, instances, (0, 1), transform)
    assert clip.masks.sum((2, 3)).tolist() == [[16, 16], [1, 0], [4, 0]]
    assert clip.ids.tolist() == [[0, 0], [1, -1], [2, -1]]
    assert clip.annotated.tolist() == [[True, True], [True, True], [True, False]]
    (taught,) = tiny(labels="last_frame").targets([clip], (32, 32))
    assert taught.labels.tolist() == [2, 0, 3]  # 3 is "no object"


@torch.no_grad()
def test_labels_matter_only_where_an_object_leaves(tiny: Build, clips: list[Clip], leaving: Clip) -> None:
    last, instance = (tiny(labels=labels).train() for labels in ("last_frame", "instance"))
    assert values(last.losses(clips, same_points)) == values(instance.losses(clips, same_points))
    quirk, plain = (values(model.losses([leaving], same_points)) for model in (last, instance))
    assert quirk["video_classification"] != pytest.approx(plain["video_classification"], rel=1e-3)


# Prediction


@pytest.fixture
def model(tiny: Build) -> Mask2FormerVis:
    """Untrained, its mask features shifted to a mean of zero, so that masks have an inside and an outside."""
    model = tiny().eval()
    with torch.no_grad():
        maps = model.pixel_level(normalise_and_pad([noise(5).frames]))
        model.pixel_level.decoder.mask_projection.bias -= maps.mask_features.mean((0, 2, 3))
    return model


def noise(frames: int) -> StoredFrames:
    random = torch.Generator().manual_seed(7)
    return StoredFrames(torch.randint(0, 256, (frames, 3, 40, 50), dtype=torch.uint8, generator=random), 60, 75)


def masks(tracks: list[Track]) -> np.ndarray:
    return decode([track.segmentations for track in tracks])


def test_what_is_predicted(model: Mask2FormerVis) -> None:
    prediction = model.predict(noise(5), VARIANTS, top_k=7)
    assert list(prediction.tracks) == ["intact", "again"]
    tracks = prediction.tracks["intact"]
    assert prediction.tracks["again"] == tracks
    assert masks(tracks).shape == (7, 5, 60, 75)
    assert 0.05 < masks(tracks).mean() < 0.95
    assert {track.label for track in tracks} <= {0, 1, 2}
    assert prediction.frame_detections == []


def test_a_score_is_the_probability_of_the_class(model: Mask2FormerVis) -> None:
    seen = model.encode_video(noise(5), 10).last(0, 5)
    scores, labels, _ = top_pairs(seen.class_logits[0], 7)
    tracks = model.predict(noise(5), VARIANTS, top_k=7).tracks["intact"]
    assert [track.score for track in tracks] == scores.tolist()
    assert [track.label for track in tracks] == labels.tolist()


def test_the_pixel_level_comes_in_chunks_that_change_nothing(
    model: Mask2FormerVis, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    model.pixel_level.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    expected = model.encode_video(noise(5), 10).last(0, 5)
    whole = model.predict(noise(5), VARIANTS, top_k=4).tracks["intact"]
    monkeypatch.setattr("vita.blocks.frame_detector.CHUNK_FRAMES", 2)
    monkeypatch.setattr(module, "frames_per_chunk", lambda geometry: 3)
    pieces = model.predict(noise(5), VARIANTS, top_k=4).tracks["intact"]
    assert seen == [5, 5, 2, 2, 1]
    found = model.encode_video(noise(5), 10).last(0, 5)
    assert_close(found.class_logits, expected.class_logits, atol=1e-4, rtol=1e-4)
    assert_close(found.mask_logits, expected.mask_logits, atol=1e-3, rtol=1e-4)
    assert [track.label for track in pieces] == [track.label for track in whole]
    assert (masks(pieces) != masks(whole)).mean() <= 1e-4


def test_parts_of_a_video_share_its_maps(model: Mask2FormerVis) -> None:
    seen: list[int] = []
    shared = model.encode_video(noise(5), 4)
    model.pixel_level.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    parts = [(0, 5), (0, 2), (2, 4), (4, 5), (1, 4)]
    found = [shared.predict(start, stop, VARIANTS) for start, stop in parts]
    assert not seen
    for prediction, (start, stop) in zip(found, parts, strict=True):
        alone = VideoInParts(model, noise(5), 4).predict(start, stop, VARIANTS)
        assert_same(prediction, alone)
    assert sum(seen) == 5 + 2 + 2 + 1 + 3


def test_video_of_one_frame(model: Mask2FormerVis) -> None:
    assert masks(model.predict(noise(1), VARIANTS, top_k=4).tracks["intact"]).shape == (4, 1, 60, 75)


def test_a_query_is_kept_once_for_every_class_that_it_may_be(model: Mask2FormerVis) -> None:
    tracks = model.predict(noise(2), VARIANTS, top_k=1000).tracks["intact"]
    by_mask: dict[tuple[str, ...], set[int]] = {}
    for track in tracks:
        by_mask.setdefault(tuple(code["counts"] for code in track.segmentations), set()).add(track.label)
    assert len(tracks) == 6 * 3
    assert list(by_mask.values()) == [{0, 1, 2}] * 6  # six queries, three classes


def test_prediction_leaves_no_graph_and_no_change(model: Mask2FormerVis) -> None:
    with unchanged(model):
        model.predict(noise(2), VARIANTS, top_k=2)
    prediction = model.encode_video(noise(2), 10).last(0, 2)
    assert not prediction.mask_logits.requires_grad


# Parts


def test_backbone_parameters_are_the_feature_extractors(tiny: Build) -> None:
    model = tiny()
    names = {name for name, p in model.named_parameters() if any(p is q for q in model.backbone_parameters())}
    assert names == {name for name, _ in model.named_parameters() if name.startswith("pixel_level.backbone.")}
    assert len(names) == len(model.backbone_parameters()) > 5


def test_everything_is_kept(tiny: Build) -> None:
    model = tiny()
    assert set(model.state_to_keep()) == set(model.state_dict())


def test_initial_weights_follow_from_the_seed(tiny: Build) -> None:
    one, other = tiny().state_dict(), tiny().state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
