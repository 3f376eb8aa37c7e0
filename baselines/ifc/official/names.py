"""IFC's counterpart: the released implementation's weights, configuration keys and recorded outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vita.core.contract import UserError
from vita.official.checkpoints.names import (
    attention_source,
    backbone_constants,
    backbone_source,
    feedforward_source,
    mask_embedding_source,
)
from vita.official.checkpoints.sizes import Config, Shapes, Sizes, backbone_norm, backbone_options
from vita.official.contract import OfficialTensor

BACKBONE = "detr.backbone.0.backbone."
EXTRACTOR = "backbone.extractor."
TRANSFORMER = "detr.transformer."
ENCODER = f"{TRANSFORMER}encoder.enc_layers."
DECODER = f"{TRANSFORMER}clip_decoder.layers."
MEMORY = f"{TRANSFORMER}memory_bus"
QUERIES = "detr.query_embed.weight"
CLASS_HEAD = "detr.class_embed.layers.1.weight"
KEY = "MODEL.IFC."
FIXED: dict[str, tuple[Any, ...]] = {
    f"{KEY}PRE_NORM": (False,),
    f"{KEY}DEEP_SUPERVISION": (True,),
    "INPUT.FORMAT": ("RGB",),
}
# Our tensors and modules -> theirs, where only the name differs.
NAMES = {
    "encoder.memory": MEMORY,
    "encoder.memory_position": f"{TRANSFORMER}memory_pos",
}
MODULES = {
    "projection": "detr.input_proj",
    "class_hidden": "detr.class_embed.layers.0",
    "class_head": "detr.class_embed.layers.1",
    "decoder.query_position": "detr.query_embed",
    "decoder.norm": f"{TRANSFORMER}clip_decoder.norm",
    "mask_head.depthwise": "detr.mask_head.out_lay.depthwise",
    "mask_head.pointwise": "detr.mask_head.out_lay.pointwise",
}
NUMBERED = {"adapters": "adapter", "convolutions": "lay", "norms": "gn"}  # in our mask head from 0, in theirs from 1
LAYERS = {
    "encoder.frame_layers": ENCODER,
    "encoder.memory_layers": f"{TRANSFORMER}encoder.bus_layers.",
    "decoder.layers": DECODER,
}
# Our block inside a layer -> their attention module and the number of its layer norm.
ATTENTION = {
    "attention": ("self_attn", 1),
    "self_attention": ("self_attn", 1),
    "cross_attention": ("multihead_attn", 2),
}


class IfcOfficial:
    """See `vita.official.contract.OfficialCounterpart`."""

    def source(self, name: str) -> OfficialTensor | None:
        """Where the tensor of `Ifc` called `name` comes from."""
        if name.startswith(EXTRACTOR):
            source = backbone_source(name.removeprefix(EXTRACTOR))
            return source and source.under(BACKBONE)
        module, _, leaf = name.rpartition(".")
        if name in NAMES:
            return OfficialTensor(NAMES[name])
        if module in MODULES:
            return OfficialTensor(f"{MODULES[module]}.{leaf}")
        return _mask_head_source(name) or _layer_source(name)

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Class weights of the loss, and the position index of a Swin."""
        weights = torch.ones(len(model.get_parameter("class_head.bias")))
        criterion: Any = model.criterion
        weights[-1] = criterion.no_object_weight
        swin = backbone_constants(model.get_submodule("backbone.extractor"), BACKBONE)
        return {"criterion.empty_weight": weights, **swin}

    def options(self, config: Config, shapes: Shapes) -> dict[str, Any]:
        """Options of IFC that differ from, or repeat, the released ones. Raises UserError on contradicting sizes."""
        sizes = Sizes(config, shapes)
        sizes.check_fixed(FIXED)
        rows = sizes.dim(CLASS_HEAD)
        sizes.choose(f"{KEY}NUM_CLASSES", None if rows is None else rows - 1)
        named = {
            "frozen_stages": config.get("MODEL.BACKBONE.FREEZE_AT"),
            "channels": sizes.choose(f"{KEY}HIDDEN_DIM", sizes.dim(QUERIES, 1)),
            "heads": config.get(f"{KEY}NHEADS"),
            "feedforward": sizes.choose(f"{KEY}DIM_FEEDFORWARD", sizes.dim(f"{DECODER}0.linear1.weight")),
            "encoder_layers": sizes.choose(f"{KEY}ENC_LAYERS", sizes.count(ENCODER)),
            "decoder_layers": sizes.choose(f"{KEY}DEC_LAYERS", sizes.count(DECODER)),
            "memory_tokens": sizes.choose(f"{KEY}NUM_MEMORY_BUS", sizes.dim(MEMORY)),
            "queries": sizes.choose(f"{KEY}NUM_OBJECT_QUERIES", sizes.dim(QUERIES)),
            "dropout": config.get(f"{KEY}DROPOUT"),
            "mask_weight": config.get(f"{KEY}MASK_WEIGHT"),
            "dice_weight": config.get(f"{KEY}DICE_WEIGHT"),
            "no_object_weight": config.get(f"{KEY}NO_OBJECT_WEIGHT"),
            "target_stride": _target_stride(config),
        }
        backbone = {"backbone": backbone_options(config, shapes, BACKBONE), "norm": backbone_norm(config)}
        return {**backbone, **{option: value for option, value in named.items() if value is not None}}


def _target_stride(config: Config) -> int | None:
    """Ours has one stride for matching and for the loss. Raises UserError where they differ."""
    loss, matching = (config.get(f"{KEY}{name}_STRIDE") for name in ("MASK", "MATCH"))
    if (4 if loss is None else loss) != (4 if matching is None else matching):
        raise UserError(f"{KEY}MASK_STRIDE is {loss} and {KEY}MATCH_STRIDE {matching}; supported are equal values")
    return loss


def _mask_head_source(name: str) -> OfficialTensor | None:
    if match := re.fullmatch(r"mask_head\.mask_embedding\.(.+)", name):
        return mask_embedding_source(match[1], "detr.mask_head.convert_to_weight")
    if match := re.fullmatch(r"mask_head\.(adapters|convolutions|norms)\.(\d)\.(\w+)", name):
        return OfficialTensor(f"detr.mask_head.{NUMBERED[match[1]]}{int(match[2]) + 1}.{match[3]}")
    return None


def _layer_source(name: str) -> OfficialTensor | None:
    match = re.fullmatch(r"(\w+\.\w+)\.(\d+)\.(\w+)\.(.+)", name)
    if match is None or match[1] not in LAYERS:
        return None
    layer, block = LAYERS[match[1]] + match[2], match[3]
    if block == "feedforward":
        return feedforward_source(match[4], layer, f"{layer}.norm{3 if layer.startswith(DECODER) else 2}")
    attention, norm = ATTENTION[block]
    return attention_source(match[4], f"{layer}.{attention}", f"{layer}.norm{norm}")


official = IfcOfficial()
