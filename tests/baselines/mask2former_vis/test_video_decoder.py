"""The video decoder: what queries may look at, and what does not matter to them.

Legend: B clips, T frames, N queries, C channels, h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from tiny_mask2former_vis import TINY
from torch import Tensor
from torch.testing import assert_close

import vita_baselines.mask2former_vis.decoder as module
from vita.blocks.clip_position import position_in_clip, waves
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.frame_detector import FrameDetector
from vita.blocks.pixel_decoder import PixelMaps
from vita.official.checkpoints.detector import DetectorNames
from vita.official.checkpoints.state_dict import official_names_of
from vita_baselines.mask2former_vis.decoder import MaskedVideoDecoder, Prediction, allowed_tokens, tokens_inside
from vita_baselines.mask2former_vis.network import Mask2FormerVis
from vita_baselines.mask2former_vis.official.names import Mask2FormerVisOfficial

CHANNELS = 32


@pytest.fixture
def decoder() -> MaskedVideoDecoder:
    torch.manual_seed(1)
    sizes = {"channels": CHANNELS, "heads": 4, "feedforward": 32, "layers": 4, "queries": 5}
    return MaskedVideoDecoder(**sizes, num_classes=3).eval()


def random_maps(images: int, seed: int = 0) -> PixelMaps:
    """Of images of 64 x 96 pixels."""
    random = torch.Generator().manual_seed(seed)
    shapes = [(2, 3), (4, 6), (8, 12), (16, 24)]
    *levels, features = (torch.randn(images, CHANNELS, *shape, generator=random) for shape in shapes)
    return PixelMaps(tuple(levels), features)


def frames_of(maps: PixelMaps, chosen: list[int]) -> PixelMaps:
    return PixelMaps(tuple(level[chosen] for level in maps.levels), maps.mask_features[chosen])


@torch.no_grad()
def decode(decoder: MaskedVideoDecoder, maps: PixelMaps, clips: int) -> list[Prediction]:
    return list(decoder(maps, clips))


def assert_same(one: Prediction, other: Prediction) -> None:
    assert_close(one.class_logits, other.class_logits, atol=1e-4, rtol=1e-4)
    assert_close(one.mask_logits, other.mask_logits, atol=1e-3, rtol=1e-4)


def test_one_prediction_of_the_bare_queries_and_one_a_layer(decoder: MaskedVideoDecoder) -> None:
    predictions = decode(decoder, random_maps(6), clips=2)
    assert len(predictions) == 5
    for prediction in predictions:
        assert prediction.class_logits.shape == (2, 5, 4)  # 3 classes and "no object"
        assert prediction.mask_logits.shape == (2, 5, 3, 16, 24)
    bare = predictions[0].class_logits
    assert torch.equal(bare[0], bare[1])  # nothing of the clip is in them yet
    assert (predictions[1].class_logits[0] - predictions[1].class_logits[1]).abs().max() > 1e-3


def test_a_batch_is_its_clips_one_by_one(decoder: MaskedVideoDecoder) -> None:
    maps = random_maps(6)
    for number, together in enumerate(decode(decoder, maps, clips=2)):
        for clip in range(2):
            alone = decode(decoder, frames_of(maps, [3 * clip, 3 * clip + 1, 3 * clip + 2]), clips=1)[number]
            assert_same(alone, Prediction(together.class_logits[clip, None], together.mask_logits[clip, None]))


def test_clips_of_one_frame_are_images_one_by_one(decoder: MaskedVideoDecoder) -> None:
    maps = random_maps(3)
    together = decode(decoder, maps, clips=3)[-1]
    for image in range(3):
        alone = decode(decoder, frames_of(maps, [image]), clips=1)[-1]
        assert_same(alone, Prediction(together.class_logits[image, None], together.mask_logits[image, None]))


def without_time(shape: torch.Size, device: torch.device) -> Tensor:
    """Every frame lies where the last one does."""
    return position_in_clip(shape, device)[-1:].expand(shape)


def test_order_of_frames_matters_through_their_position_in_time_alone(decoder: MaskedVideoDecoder) -> None:
    maps, turned = random_maps(4), [2, 0, 3, 1]
    straight, mixed = (decode(decoder, m, 1)[-1] for m in (maps, frames_of(maps, turned)))
    assert (straight.class_logits - mixed.class_logits).abs().max() > 1e-3
    with patch.object(module, "position_in_clip", without_time):
        straight, mixed = (decode(decoder, m, 1)[-1] for m in (maps, frames_of(maps, turned)))
    assert_same(mixed, Prediction(straight.class_logits, straight.mask_logits[:, :, turned]))


def without_time_at_all(shape: torch.Size, device: torch.device) -> Tensor:
    """The position in the image alone."""
    return position_in_clip(shape, device) - waves(shape[0], shape[3], device)[:, None, None]


def test_time_changes_nothing_in_clips_of_one_frame(decoder: MaskedVideoDecoder) -> None:
    """The image model of the release, which the video model starts from, has positions in the image alone.

    In one frame time adds the same to all keys, and so the same to all logits of a query, which softmax leaves out:
    neither what is predicted of an image differs, nor what is learnt from it.
    """
    decoder, maps = decoder.double(), random_maps(2)
    maps = PixelMaps(tuple(level.double().requires_grad_() for level in maps.levels), maps.mask_features.double())

    def seen_and_learnt(clips: int) -> tuple[list[Tensor], list[Tensor]]:
        outputs = [
            one for prediction in decoder(maps, clips) for one in (prediction.class_logits, prediction.mask_logits)
        ]
        total = torch.stack([(output * output.detach().sin()).mean() for output in outputs]).sum()
        return outputs, list(torch.autograd.grad(total, [*decoder.parameters(), *maps.levels]))

    images, clip = seen_and_learnt(2), seen_and_learnt(1)
    with patch.object(module, "position_in_clip", without_time_at_all):
        timeless_images, timeless_clip = seen_and_learnt(2), seen_and_learnt(1)
    for ours, theirs in zip(images, timeless_images, strict=True):
        assert_close(ours, theirs, atol=1e-6, rtol=1e-6)  # positions are of 32 bits
    for ours, theirs in zip(clip, timeless_clip, strict=True):  # of two frames
        assert max((a - b).abs().max() for a, b in zip(ours, theirs, strict=True)) > 1e-3


@torch.no_grad()
def test_clips_of_one_frame_are_seen_as_the_image_decoder_sees_them(tiny: Callable[..., Mask2FormerVis]) -> None:
    """The library's decoder, with the same weights: masked attention, level by level, in every image."""
    model = tiny().eval()
    detector = FrameDetector(DetectorOptions(**TINY["detector"]), num_classes=3).eval()
    weights = official_names_of(model.state_dict(), Mask2FormerVisOfficial())
    detector.load_state_dict({name: weight_of(name, weights) for name in detector.state_dict()})
    images = torch.randn(2, 3, 64, 96)
    expected, predictions = detector(images), list(model.decoder(model.pixel_level(images), 2))
    assert len(predictions) == len(expected.class_logits) == 4
    for prediction, classes, masks in zip(predictions, expected.class_logits, expected.mask_logits, strict=True):
        assert_same(prediction, Prediction(classes, masks[:, :, None]))


def weight_of(name: str, official: dict[str, Tensor]) -> Tensor:
    source = DetectorNames().source(name)
    assert source is not None
    return official[source.key] if source.third is None else official[source.key].chunk(3)[source.third]


def test_inside_is_where_the_resized_mask_is_at_least_one_half() -> None:
    # One query, two frames of 2 x 4; halved in width, neighbours are averaged.
    logits = torch.tensor([[1.0, -3.0, 2.0, -2.0], [-1.0, -1.0, 9.0, 9.0]]).repeat(2, 1, 1)
    logits[1] = -logits[1]
    inside = tokens_inside(logits[None, None], height=2, width=2)
    first, second = [[False, True], [False, True]], [[True, True], [True, False]]  # an average of 0 is one half
    assert inside.view(2, 2, 2).tolist() == [first, second]


def test_frames_are_resized_one_by_one() -> None:
    logits = torch.randn(2, 3, 4, 6, 8)
    whole = tokens_inside(logits, 3, 4).unflatten(2, (4, -1))
    for frame in range(4):
        assert torch.equal(whole[:, :, frame], tokens_inside(logits[:, :, frame, None], 3, 4))


def test_only_a_query_with_no_token_in_any_frame_may_look_everywhere() -> None:
    inside = torch.tensor([[[False, False, True, False], [False, False, False, False]]])  # two frames of two tokens
    assert allowed_tokens(inside).tolist() == [[[False, False, True, False], [True, True, True, True]]]


def test_queries_are_blind_where_their_masks_are_not(decoder: MaskedVideoDecoder) -> None:
    """What changes in a frame without masks changes nothing in any prediction."""
    nowhere = torch.full((1, 5, 2, 16, 24), -9.0)
    nowhere[:, :, 0] = 9.0
    maps = random_maps(2)
    changed = PixelMaps(tuple(torch.cat([x[:1], -3 * x[1:]]) for x in maps.levels), maps.mask_features)
    with patch.object(module, "tokens_inside", lambda _, height, width: tokens_inside(nowhere, height, width)):
        one, other = decode(decoder, maps, 1), decode(decoder, changed, 1)
    assert_same(other[-1], one[-1])
    free, moved = decode(decoder, maps, 1), decode(decoder, changed, 1)
    assert (free[-1].class_logits - moved[-1].class_logits).abs().max() > 1e-3


def test_a_query_with_empty_masks_stays_a_number(decoder: MaskedVideoDecoder) -> None:
    with torch.no_grad():
        decoder.mask_embedding[-1].weight.zero_()
        decoder.mask_embedding[-1].bias.zero_()
    maps = random_maps(2)
    empty = PixelMaps(maps.levels, maps.mask_features.abs())
    with torch.no_grad():
        decoder.mask_embedding[-1].bias.fill_(-1.0)  # every logit is negative
    for prediction in decode(decoder, empty, 1):
        assert prediction.mask_logits.max() < 0
        assert prediction.class_logits.isfinite().all()


def test_attention_masks_carry_no_gradient() -> None:
    logits = torch.randn(1, 2, 3, 4, 4, requires_grad=True)
    assert not tokens_inside(logits, 2, 2).requires_grad
