"""Mask2Former-VIS' counterpart: the released implementation's weights, configuration keys and recorded outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vita.official.checkpoints.names import (
    attention_source,
    backbone_constants,
    backbone_source,
    feedforward_source,
    mask_embedding_source,
    pixel_decoder_source,
)
from vita.official.checkpoints.sizes import Config, Fixed, Shapes, Sizes, detector_options
from vita.official.contract import OfficialTensor

HEAD = "sem_seg_head."
CLASS_HEAD = f"{HEAD}predictor.class_embed.weight"
NO_OBJECT_WEIGHT = 0.1  # of the class loss; all other classes weigh 1
FIXED: Fixed = {
    "MODEL.MASK_FORMER.DROPOUT": (0.0,),
    "MODEL.MASK_FORMER.DEEP_SUPERVISION": (True,),
    "MODEL.MASK_FORMER.NO_OBJECT_WEIGHT": (NO_OBJECT_WEIGHT,),
    "MODEL.MASK_FORMER.CLASS_WEIGHT": (2.0,),
    "MODEL.MASK_FORMER.MASK_WEIGHT": (5.0,),
    "MODEL.MASK_FORMER.DICE_WEIGHT": (5.0,),
    "MODEL.MASK_FORMER.OVERSAMPLE_RATIO": (3.0,),
    "MODEL.MASK_FORMER.IMPORTANCE_SAMPLE_RATIO": (0.75,),
    "MODEL.MASK_FORMER.TRANSFORMER_DECODER_NAME": ("VideoMultiScaleMaskedTransformerDecoder",),
}
# Modules of our decoder -> theirs, where only the name differs.
MODULES = {
    "query_content": "query_feat",
    "query_position": "query_embed",
    "level_embedding": "level_embed",
    "norm": "decoder_norm",
    "class_head": "class_embed",
}
# Our attention block inside a layer -> their list of layers, and the attention module inside one.
ATTENTION = {
    "self_attention": ("transformer_self_attention_layers", "self_attn"),
    "cross_attention": ("transformer_cross_attention_layers", "multihead_attn"),
}
LAYER = re.compile(r"layers\.(\d+)\.(\w+)\.(.+)")


class Mask2FormerVisOfficial:
    """See `vita.official.contract.OfficialCounterpart`."""

    def source(self, name: str) -> OfficialTensor | None:
        """Where the tensor of `Mask2FormerVis` called `name` comes from."""
        parts = (
            ("pixel_level.backbone.", "backbone.", backbone_source),
            ("pixel_level.decoder.", f"{HEAD}pixel_decoder.", pixel_decoder_source),
            ("decoder.", f"{HEAD}predictor.", video_decoder_source),
        )
        for ours, theirs, source_of in parts:
            if name.startswith(ours):
                source = source_of(name.removeprefix(ours))
                return source and source.under(theirs)
        return None

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Class weights of the loss, and the position index of a Swin."""
        weights = torch.ones(len(model.get_parameter("decoder.class_head.bias")))
        weights[-1] = NO_OBJECT_WEIGHT
        swin = backbone_constants(model.get_submodule("pixel_level.backbone"), "backbone.")
        return {"criterion.empty_weight": weights, **swin}

    def options(self, config: Config, shapes: Shapes) -> dict[str, Any]:
        """Options of the method; see `Mask2FormerVisOptions`. Raises UserError where sizes contradict each other."""
        Sizes(config, shapes).check_fixed(FIXED)
        options: dict[str, Any] = {"detector": detector_options(config, shapes)}
        points = config.get("MODEL.MASK_FORMER.TRAIN_NUM_POINTS")
        return options if points is None else options | {"points": points}


def video_decoder_source(name: str) -> OfficialTensor | None:
    """Of our MaskedVideoDecoder; theirs is relative to `sem_seg_head.predictor.`."""
    module, _, leaf = name.rpartition(".")
    if module in MODULES:
        return OfficialTensor(f"{MODULES[module]}.{leaf}")
    if name.startswith("mask_embedding."):
        return mask_embedding_source(name.removeprefix("mask_embedding."), "mask_embed")
    match = LAYER.fullmatch(name)
    if match is None:
        return None
    number, block, rest = match.groups()
    if block == "feedforward":
        layer = f"transformer_ffn_layers.{number}"
        return feedforward_source(rest, layer, f"{layer}.norm")
    layers, attention = ATTENTION[block]
    return attention_source(rest, f"{layers}.{number}.{attention}", f"{layers}.{number}.norm")


official = Mask2FormerVisOfficial()
