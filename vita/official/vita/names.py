"""VITA's counterpart: the released implementation's weights, configuration keys and recorded outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vita.official.checkpoints.names import (
    attention_source,
    backbone_constants,
    detector_source,
    feedforward_source,
    mask_embedding_source,
)
from vita.official.checkpoints.sizes import Config, Fixed, Shapes, Sizes, agreed, detector_options
from vita.official.contract import OfficialTensor

MODULE = "vita_module."
FFN = f"{MODULE}transformer_ffn_layers."
ENCODER_FFN = f"{MODULE}enc_ffn."
QUERIES = f"{MODULE}query_feat.weight"
NO_OBJECT_WEIGHT = 0.1  # of the class losses; all other classes weigh 1
FIXED: Fixed = {
    "MODEL.VITA.PRE_NORM": (False,),
    "MODEL.VITA.ENFORCE_INPUT_PROJ": (True,),
    "MODEL.VITA.DROPOUT": (0.0,),
    "MODEL.VITA.NO_OBJECT_WEIGHT": (NO_OBJECT_WEIGHT,),
    "MODEL.MASK_FORMER.NO_OBJECT_WEIGHT": (NO_OBJECT_WEIGHT,),
}
# Our part -> theirs, where only the name of the module differs.
MODULES = {
    "object_encoder.project": "input_proj_dec",
    "object_decoder.query_content": "query_feat",
    "object_decoder.query_position": "query_embed",
    "object_decoder.token_position": "fq_pos",
    "object_decoder.norm": "decoder_norm",
    "mask_projection": "vita_mask_features",
    "class_head": "class_embed",
    "frame_similarity": "sim_embed_frame",
    "video_similarity": "sim_embed_clip",
}
# Our attention block inside a layer -> their list of layers, and the attention module inside one.
ATTENTION = {
    "attention": ("enc_self_attn", "self_attn"),
    "self_attention": ("transformer_self_attention_layers", "self_attn"),
    "cross_attention": ("transformer_cross_attention_layers", "multihead_attn"),
}
FEEDFORWARD = {"object_encoder": "enc_ffn", "object_decoder": "transformer_ffn_layers"}
LAYER = re.compile(r"(object_encoder|object_decoder)\.layers\.(\d+)\.(\w+)\.(.+)")


class VitaOfficial:
    """See `vita.official.contract.OfficialCounterpart`."""

    def source(self, name: str) -> OfficialTensor | None:
        """Where the tensor of `vita.model.network.VitaNetwork` called `name` comes from."""
        if name.startswith("detector."):
            return detector_source(name.removeprefix("detector."))
        source = _video_source(name)
        return source and source.under(MODULE)

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Class weights of the two losses, and the position index of a Swin."""
        weights = torch.ones(len(model.get_parameter("class_head.bias")))
        weights[-1] = NO_OBJECT_WEIGHT
        backbone = model.get_submodule("detector.mask2former.pixel_level_module.encoder")
        return {
            "criterion.empty_weight": weights,
            "vita_criterion.empty_weight": weights.clone(),
            **backbone_constants(backbone, "backbone."),
        }

    def options(self, config: Config, shapes: Shapes) -> dict[str, Any]:
        """Options of VITA that differ from, or repeat, the released ones. Raises UserError on contradicting sizes."""
        sizes = Sizes(config, shapes)
        sizes.check_fixed(FIXED)
        detector = detector_options(config, shapes)
        agreed("MODEL.VITA.HIDDEN_DIM", config.get("MODEL.VITA.HIDDEN_DIM"), detector["channels"], None)
        points = config.get("MODEL.MASK_FORMER.TRAIN_NUM_POINTS")
        frozen = config.get("MODEL.VITA.FREEZE_DETECTOR")
        named = {
            "heads": config.get("MODEL.VITA.NHEADS"),
            "feedforward": sizes.choose("MODEL.VITA.DIM_FEEDFORWARD", sizes.dim(f"{FFN}0.linear1.weight")),
            "encoder_layers": sizes.choose("MODEL.VITA.ENC_LAYERS", sizes.count(ENCODER_FFN)),
            "decoder_layers": sizes.choose("MODEL.VITA.DEC_LAYERS", sizes.count(FFN)),
            "video_queries": sizes.choose("MODEL.VITA.NUM_OBJECT_QUERIES", sizes.dim(QUERIES)),
            "window": config.get("MODEL.VITA.ENC_WINDOW_SIZE"),
            "fed_layers": config.get("MODEL.VITA.LAST_LAYER_NUM", min(3, detector["decoder_layers"])),
            "stage": None if frozen is None else "frozen" if frozen else "joint",
            "similarity_weight": config.get("MODEL.VITA.SIM_WEIGHT"),
            "frame_points": points,
            "video_points": points,
        }
        return {"detector": detector, **{option: value for option, value in named.items() if value is not None}}


def _video_source(name: str) -> OfficialTensor | None:
    """Relative to `vita_module.`."""
    module, _, leaf = name.rpartition(".")
    if module in MODULES:
        return OfficialTensor(f"{MODULES[module]}.{leaf}")
    if name.startswith("mask_embedding."):
        return mask_embedding_source(name.removeprefix("mask_embedding."), "mask_embed")
    match = LAYER.fullmatch(name)
    if match is None:
        return None
    part, number, block, rest = match.groups()
    if block == "feedforward":
        layer = f"{FEEDFORWARD[part]}.{number}"
        return feedforward_source(rest, layer, f"{layer}.norm")
    layers, attention = ATTENTION[block]
    return attention_source(rest, f"{layers}.{number}.{attention}", f"{layers}.{number}.norm")


official = VitaOfficial()
