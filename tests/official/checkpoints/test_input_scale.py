"""Two networks of one shape and one file name: told apart by the statistics of the first layer.

A made-up first layer sees made-up pictures, smooth as photographs are, the way each network was trained: its norm
collects the statistics that such training leaves.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from official_layouts import random_state, read_layout
from published_files import backbone_of, torchvision_names, zoo_pickle
from tiny_run import vita
from torch import Tensor
from torch.nn import functional as F

from vita.core.contract import UserError
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.input_scale import refuse_raw_pixels, trained_on_grey_levels
from vita.official.checkpoints.published import Request, read_published

MEAN = torch.tensor([123.675, 116.28, 103.53])[:, None, None]  # RGB, grey levels
DEVIATION = torch.tensor([58.395, 57.12, 57.375])[:, None, None]
State = dict[str, Tensor]


def pictures(count: int = 4, size: int = 64) -> Tensor:
    """(count, 3, size, size) RGB in grey levels: power falls with the square of frequency, colours go together."""
    random = torch.Generator().manual_seed(0)
    frequency = torch.fft.fftfreq(size)
    radius = (frequency[:, None] ** 2 + frequency[None] ** 2).sqrt().clamp(min=1 / size)
    noise = torch.randn(count, 3, size, size, generator=random)
    smooth = torch.fft.ifft2(torch.fft.fft2(noise) / radius).real
    smooth = smooth.mean(1, keepdim=True) + 0.3 * smooth
    return MEAN + DEVIATION * (smooth - smooth.mean()) / smooth.std()


def first_layer(pixels: Tensor, length: float, scale: float = 0.25) -> State:
    """64 filters of a length, and a norm with the statistics of what they make of normalised pixels."""
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(64, 3, 7, 7, generator=random)
    weight *= length / weight.flatten(1).norm(dim=1)[:, None, None, None]
    seen = F.conv2d(pixels, weight, stride=2)
    return {
        "stem.conv1.weight": weight,
        "stem.conv1.norm.weight": torch.full((64,), scale),
        "stem.conv1.norm.running_mean": seen.mean((0, 2, 3)),
        "stem.conv1.norm.running_var": seen.var((0, 2, 3)),
    }


def torchvisions(length: float = 1.0) -> State:
    return first_layer((pictures() - MEAN) / DEVIATION, length)


def msras(length: float = 1.0) -> State:
    return first_layer((pictures() - MEAN).flip(1), length)


def folded(layer: State) -> State:
    """The same function with statistics inside scale and shift, as Detectron published it."""
    deviation = layer["stem.conv1.norm.running_var"].sqrt()
    scale = layer["stem.conv1.norm.weight"] / deviation
    statistics = {"running_mean": torch.zeros(64), "running_var": torch.ones(64)}
    norm = {f"stem.conv1.norm.{leaf}": value for leaf, value in {"weight": scale, **statistics}.items()}
    return {**layer, **norm}


@pytest.mark.parametrize("length", [0.02, 0.3, 1.0, 5.0])
def test_the_two_are_told_apart_whatever_the_length_of_filters(length: float) -> None:
    """A norm undoes any length, so that it tells nothing; both kinds may have the same weights even."""
    assert not trained_on_grey_levels(torchvisions(length))
    assert trained_on_grey_levels(msras(length))
    assert not trained_on_grey_levels(folded(torchvisions(length)))
    assert trained_on_grey_levels(folded(msras(length)))


def test_the_bound_is_what_normalised_pixels_cannot_exceed() -> None:
    """Equal pixels of unit variance, and the filter that adds them all: 147 numbers, squared length 147, sum 147."""
    flat = torch.randn(500, 3, 1, 1, generator=torch.Generator().manual_seed(0)).mean(1, keepdim=True)
    layer = first_layer((flat / flat.std()).expand(500, 3, 7, 7), 1.0)
    weight = torch.ones(64, 3, 7, 7)
    seen = F.conv2d((flat / flat.std()).expand(500, 3, 7, 7), weight)
    layer |= {"stem.conv1.weight": weight, "stem.conv1.norm.running_var": 0.99 * seen.var((0, 2, 3))}
    assert seen.var((0, 2, 3))[0].item() == pytest.approx(147**2, rel=1e-3)
    assert not trained_on_grey_levels(layer)


def test_filters_through_which_nothing_passes_say_nothing() -> None:
    for layer, told in ((torchvisions(), False), (msras(), True)):
        layer["stem.conv1.weight"][:40] = 1e-9
        layer["stem.conv1.norm.running_var"][:40] = 1e-12 if told else 1.0
        assert trained_on_grey_levels(layer) == told
    assert not trained_on_grey_levels({**torchvisions(), "stem.conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_fresh_weights_and_recipe_weights_are_not_refused() -> None:
    shapes = {key: tuple(tensor.shape) for key, tensor in torchvisions().items()}
    assert not trained_on_grey_levels(portable_weights(shapes))
    identity = {"weight": torch.ones(64), "running_mean": torch.zeros(64), "running_var": torch.ones(64)}
    fresh = torch.randn(64, 3, 7, 7) * math.sqrt(2 / (64 * 49))  # He
    norm = {f"stem.conv1.norm.{leaf}": value for leaf, value in identity.items()}
    assert not trained_on_grey_levels({"stem.conv1.weight": fresh, **norm})


def test_a_swin_has_no_such_layer() -> None:
    refuse_raw_pixels({"patch_embed.proj.weight": torch.ones(4, 3, 4, 4)}, "MSRA", "Swin-L", "file")
    refuse_raw_pixels({"stem.conv1.weight": torch.ones(4, 3, 7, 7)}, "torchvision", "ResNet-50", "file")


# Files


@pytest.fixture(scope="module")
def r101() -> State:
    return random_state(backbone_of(read_layout("vita_r101")))


def test_a_file_without_an_author_is_told_by_its_values(r101: State, tmp_path: Path) -> None:
    path = zoo_pickle(tmp_path / "R-101.pkl", {**r101, **msras()}, None)
    with pytest.raises(UserError, match=r"MSRA's ResNet-101 \(told by the scale of its first layer\)"):
        read_published(path, Request("ifc"))
    read = read_published(zoo_pickle(path, {**r101, **torchvisions()}, None), Request("ifc"))
    assert read.layout == "detectron2 ImageNet ResNet-101"


def test_an_author_does_not_outweigh_values(r101: State, tmp_path: Path) -> None:
    path = zoo_pickle(tmp_path / "R-101.pkl", {**r101, **msras()}, "torchvision")
    with pytest.raises(UserError, match="told by the scale of its first layer"):
        read_published(path, Request("vita"))


def test_torchvisions_names_do_not_outweigh_values(r101: State, tmp_path: Path) -> None:
    torch.save(torchvision_names({**r101, **msras()}), tmp_path / "R-101.pth")
    with pytest.raises(UserError, match="told by the scale of its first layer"):
        read_published(tmp_path / "R-101.pth", Request("vita"))


def test_a_whole_model_on_msras_backbone_is_refused(tmp_path: Path) -> None:
    """IFC's released R101."""
    prefix = "detr.backbone.0.backbone."
    state = random_state(read_layout("ifc_r50"))
    path, out = tmp_path / "ifc.pth", tmp_path / "out.safetensors"
    for layer, code in ((torchvisions(), 0), (msras(), 2)):
        torch.save({"model": {**state, **{prefix + key: tensor for key, tensor in layer.items()}}}, path)
        ended = vita("convert", "weights", path, "--method", "ifc", "--out", out)
        assert ended.code == code
    assert ended.message.startswith(f"{path}: MSRA's ResNet-50 (told by the scale of its first layer): it sees BGR")
