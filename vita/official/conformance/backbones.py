"""Backbones held against recorded maps of the official ones.

Legend: F frames, C channels, h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from vita.blocks.backbone import AnyBackbone, Backbone, BackboneOptions
from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import UserError
from vita.core.files import read_json
from vita.official.checkpoints.backbone import BACKBONE, backbone_constants, backbone_options
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.names import Parts
from vita.official.checkpoints.sizes import Config, Shapes
from vita.official.checkpoints.state_dict import from_official, shapes_of
from vita.official.conformance.check import EXACT, VALUES, Pair, compare
from vita.official.conformance.recording import Recording, Tensors
from vita.official.contract import CPU, Check

STATE = "_state_dict"
FULL = "full_"
MAPS = ("res2", "res3", "res4", "res5")
OUR_PREFIX = "extractor."


def checks(folder: Path, device: torch.device = CPU) -> Iterator[Check]:
    """Small backbones with recorded weights, at every recorded size, fed unpadded. Raises UserError when malformed."""
    recording = Recording(folder, device)
    for stem in [stem.removesuffix(STATE) for stem in recording.stems("") if stem.endswith(STATE)]:
        tensors, state = recording.tensors(stem), dict(recording.tensors(stem + STATE))
        model = _loaded(state, f"{folder / stem}{STATE}.safetensors")
        constants = [(ours, state[key]) for key, ours in BackboneOfficial().constants(model).items() if key in state]
        if constants:
            yield compare(f"{folder.name}/{stem} position index", constants, EXACT)
        for case in sorted({key.partition(".")[0] for key in tensors if key.endswith(".frames_uint8")}):
            frames = tensors[f"{case}.frames_uint8"]
            yield _compare_maps(f"{folder.name}/{stem} {case}", model, frames, tensors, case)
    yield from recording.unread()


def full_size_checks(folder: Path, device: torch.device = CPU) -> Iterator[Check]:
    """Backbones in their released sizes, whose weights follow from their names. Raises UserError when malformed."""
    recording = Recording(folder, device)
    for stem in [stem for stem in recording.stems(FULL) if not stem.endswith(STATE)]:
        tensors = recording.tensors(stem)
        for name in sorted({key.partition(".")[0] for key in tensors if "." in key}):
            keys = folder / f"{FULL}{name}_keys.json"
            model = _loaded(portable_weights(_layout(keys)), str(keys))
            yield _compare_maps(f"{folder.name}/{stem} {name}", model, tensors["frames_uint8"], tensors, name)
    yield from recording.unread()


def _layout(path: Path) -> dict[str, tuple[int, ...]]:
    keys = read_json(path)
    if not isinstance(keys, dict) or not all(isinstance(shape, list) for shape in keys.values()):
        raise UserError(f"{path}: must be an object of shapes by key; make the recording again")
    return {key: tuple(shape) for key, shape in keys.items()}


def _loaded(state: dict[str, Tensor], where: str) -> Backbone:
    """A backbone of the sizes that the weights have, frozen, in evaluation mode."""
    official = BackboneOfficial()
    options = official.options({}, shapes_of(state))
    section: BackboneOptions = TypeAdapter(AnyBackbone).validate_python(options)
    model = Backbone(section, norm="frozen")
    model.load_state_dict(from_official({**official.constants(model), **state}, model, official, where))
    return model.eval()


@torch.no_grad()
def _compare_maps(group: str, model: Backbone, frames: Tensor, tensors: Tensors, stem: str) -> Check:
    """Of a large backbone, only the first frames and every n-th channel of a map may be recorded."""
    recorded = {name: tensors[f"{stem}.{name}"] for name in MAPS if f"{stem}.{name}" in tensors}
    if not recorded:
        raise UserError(f"{tensors.path}: no map of '{stem}'; wanted is at least one of {', '.join(MAPS)}")
    seen = max(map(len, recorded.values()))
    model.to(frames.device)
    maps = dict(zip(MAPS, model(normalise_and_pad([frames[:seen]], divisor=1)), strict=True))
    pairs: list[Pair] = []
    for name, value in recorded.items():
        step = max(1, maps[name].shape[1] // value.shape[1])
        pairs.append((maps[name][: len(value), ::step], value))
    return compare(group, pairs, VALUES)


class BackboneOfficial(Parts):
    """A backbone's counterpart; see `vita.official.contract.ReferenceAdapter`. Official keys have no prefix."""

    parts = ((OUR_PREFIX, "", BACKBONE),)

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """The position index of a Swin."""
        return backbone_constants(model.get_submodule(OUR_PREFIX.rstrip(".")), "")

    def options(self, config: Config, shapes: Shapes) -> dict[str, Any]:
        """Options of the backbone. Raises UserError on contradicting sizes."""
        return backbone_options(config, shapes, "")
