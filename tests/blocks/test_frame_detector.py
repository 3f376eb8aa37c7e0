"""The frame detector's interface, padding, frozen batch norm and initial weights."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vita.blocks.backbone import FrozenBatchNorm, freeze_batch_norm
from vita.blocks.frame_detector import PIXEL_MEAN, PIXEL_STD, normalise_and_pad, read_in_chunks
from vita.blocks.initialisation import fan_of_offsets
from vita.blocks.mask_decoding import FrameGeometry
from vita.model.method import Vita
from vita.official.conformance.recording import StoredFrames

Build = Callable[..., Vita]


def test_normalised_then_padded_with_zeros_to_a_multiple_of_32() -> None:
    small = torch.full((2, 3, 30, 40), 255, dtype=torch.uint8)
    large = torch.zeros(1, 3, 33, 32, dtype=torch.uint8)
    images = normalise_and_pad([small, large])
    assert images.shape == (3, 3, 64, 64)
    white = (255 - torch.tensor(PIXEL_MEAN)) / torch.tensor(PIXEL_STD)
    black = -torch.tensor(PIXEL_MEAN) / torch.tensor(PIXEL_STD)
    assert_close(images[:2, :, :30, :40], white[:, None, None].expand(2, 3, 30, 40))
    assert_close(images[2:, :, :33, :32], black[:, None, None].expand(1, 3, 33, 32))
    assert images[:2, :, 30:].abs().max() == images[:2, :, :, 40:].abs().max() == 0
    assert images[2:, :, 33:].abs().max() == images[2:, :, :, 32:].abs().max() == 0


def test_a_size_that_fits_is_not_padded() -> None:
    assert normalise_and_pad([torch.zeros(1, 3, 32, 96, dtype=torch.uint8)]).shape == (1, 3, 32, 96)


@torch.no_grad()
def test_one_prediction_of_the_bare_queries_and_one_a_layer(tiny_vita: Build) -> None:
    detector = tiny_vita().detector.eval()
    output = detector(torch.randn(2, 3, 32, 64))
    assert output.queries.shape == (4, 2, 6, 32)
    assert output.class_logits.shape == (4, 2, 6, 4)  # 3 classes and "no object"
    assert output.mask_logits.shape == (4, 2, 6, 8, 16)
    assert output.pixel_map.shape == (2, 32, 8, 16)
    assert_close(output.class_logits, detector.class_head(output.queries))
    assert_close(output.queries[0, 0], output.queries[0, 1])  # nothing of the image is in them yet
    assert (output.queries[1, 0] - output.queries[1, 1]).abs().max() > 1e-3


@torch.no_grad()
def test_a_batch_is_its_frames_one_by_one(tiny_vita: Build) -> None:
    detector = tiny_vita().detector.eval()
    images = torch.randn(3, 3, 32, 64)
    together = detector(images)
    for frame in range(3):
        alone = detector(images[frame : frame + 1])
        assert_close(together.queries[:, frame], alone.queries[:, 0], atol=1e-4, rtol=1e-4)
        assert_close(together.mask_logits[:, frame], alone.mask_logits[:, 0], atol=1e-3, rtol=1e-4)
        assert_close(together.pixel_map[frame], alone.pixel_map[0], atol=1e-4, rtol=1e-4)


def test_no_map_is_kept_after_the_call(tiny_vita: Build) -> None:
    detector = tiny_vita().detector.eval()
    detector(torch.randn(1, 3, 32, 64))
    assert not [name for name, value in vars(detector).items() if isinstance(value, torch.Tensor)]


def test_a_video_is_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vita.blocks.frame_detector.CHUNK_FRAMES", 2)
    frames = torch.randint(0, 256, (5, 3, 40, 50), dtype=torch.uint8)
    chunks = list(read_in_chunks(StoredFrames(frames, 80, 100), torch.device("cpu")))
    assert [len(images) for images, _ in chunks] == [2, 2, 1]
    assert torch.equal(torch.cat([images for images, _ in chunks]), normalise_and_pad([frames]))
    assert {geometry for _, geometry in chunks} == {FrameGeometry(padded=(64, 64), network=(40, 50), out=(80, 100))}


def random_batch_norm() -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(5, eps=1e-3)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.uniform_(0.5, 2)
    return norm.eval()


def test_frozen_batch_norm_is_batch_norm_in_evaluation() -> None:
    norm, maps = random_batch_norm(), torch.randn(2, 5, 3, 4)
    model = nn.Sequential(nn.Sequential(norm), nn.ReLU())
    expected = model(maps)
    freeze_batch_norm(model)
    frozen = model[0][0]
    assert isinstance(frozen, FrozenBatchNorm)
    assert not list(model.parameters())
    assert_close(model(maps), expected)
    assert_close(model.train()(maps), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("trains", [False, True])
def test_frozen_batch_norm_keeps_half_precision_and_no_maps(dtype: torch.dtype, trains: bool) -> None:
    norm, maps = random_batch_norm(), torch.randn(2, 5, 3, 4).to(dtype).requires_grad_(trains)
    expected = norm(maps.detach().float())
    model = nn.Sequential(norm)
    freeze_batch_norm(model)
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: (kept.append(tensor), tensor)[1], lambda one: one):
        result = model(maps)
    assert result.dtype is dtype
    assert_close(result.float(), expected, atol=0.1, rtol=0.02)  # a few units in the last place of bfloat16
    assert not [tensor for tensor in kept if tensor.numel() == maps.numel()]


@pytest.mark.parametrize(("norm", "moves"), [("trained", True), ("frozen", False)])
def test_statistics_move_only_when_they_are_trained(tiny_vita: Build, norm: str, moves: bool) -> None:
    detector = tiny_vita(norm=norm).detector.train()
    before = {name: value.clone() for name, value in detector.named_buffers() if "running" in name}
    assert before
    detector(torch.randn(2, 3, 32, 32))
    moved = [not torch.equal(dict(detector.named_buffers())[name], value) for name, value in before.items()]
    assert all(moved) if moves else not any(moved)
    learns = [name for name, _ in detector.backbone.named_parameters() if "norm" in name]
    assert bool(learns) == moves


def test_offsets_fan_out_from_each_position() -> None:
    fan = fan_of_offsets(heads=4, levels=2, points=3).view(4, 2, 3, 2)
    for head, direction in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        for point in range(3):
            expected = torch.tensor(direction) * (point + 1.0)
            assert_close(fan[head, :, point], expected.expand(2, 2), atol=1e-6, rtol=0)
    diagonal = fan_of_offsets(heads=8, levels=1, points=1).view(8, 2)[1]
    assert_close(diagonal, torch.ones(2))  # the longer side counts, not the length


def test_initial_weights_follow_from_the_seed(tiny_vita: Build) -> None:
    one, other = tiny_vita().state_dict(), tiny_vita().state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
