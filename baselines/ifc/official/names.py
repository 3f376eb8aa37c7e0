"""IFC's counterpart: the released implementation's weights, configuration keys and recorded outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from vita.core.contract import UserError
from vita.official.checkpoints.backbone import BACKBONE, backbone_norm, backbone_options, fixed_tensors
from vita.official.checkpoints.names import (
    Parts,
    Rules,
    attention_rules,
    feedforward_rules,
    mask_embedding_rules,
    renamed,
)
from vita.official.checkpoints.sizes import Config, Shapes, Sizes

PREFIX = "detr.backbone.0.backbone."
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
# Our modules -> theirs, where only the name differs.
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
HEAD = {
    rf"mask_head\.{ours}\.{number}": f"detr.mask_head.{theirs}{number + 1}"
    for ours, theirs in NUMBERED.items()
    for number in range(10)
}


def _encoder_rules(ours: str, theirs: str) -> Rules:
    """Layers of the encoder, of frames or of memory tokens."""
    inside, layer = rf"encoder\.{ours}\.(?P<n>\d+)\.", rf"{theirs}\g<n>"
    attention = attention_rules(f"{inside}attention", layer, "self_attn", "norm1")
    return (*attention, *feedforward_rules(f"{inside}feedforward", layer, "norm2"))


CLIP_LAYER, THEIR_CLIP_LAYER = r"decoder\.layers\.(?P<n>\d+)\.", rf"{DECODER}\g<n>"
RULES: Rules = (
    (r"encoder\.memory", MEMORY),
    (r"encoder\.memory_position", f"{TRANSFORMER}memory_pos"),
    *renamed(MODULES | HEAD),
    *mask_embedding_rules(r"mask_head\.mask_embedding", "detr.mask_head.convert_to_weight"),
    *_encoder_rules("frame_layers", ENCODER),
    *_encoder_rules("memory_layers", f"{TRANSFORMER}encoder.bus_layers."),
    *attention_rules(f"{CLIP_LAYER}self_attention", THEIR_CLIP_LAYER, "self_attn", "norm1"),
    *attention_rules(f"{CLIP_LAYER}cross_attention", THEIR_CLIP_LAYER, "multihead_attn", "norm2"),
    *feedforward_rules(f"{CLIP_LAYER}feedforward", THEIR_CLIP_LAYER, "norm3"),
)


class IfcOfficial(Parts):
    """See `vita.official.contract.ReferenceAdapter`."""

    parts = (("backbone.extractor.", PREFIX, BACKBONE), ("", "", RULES))

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Class weights of the loss, and the position index of a Swin."""
        criterion: Any = model.criterion
        return fixed_tensors(model, "class_head.bias", criterion.no_object_weight, "backbone.extractor", PREFIX)

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
        backbone = {"backbone": backbone_options(config, shapes, PREFIX), "norm": backbone_norm(config)}
        return {**backbone, **{option: value for option, value in named.items() if value is not None}}


def _target_stride(config: Config) -> int | None:
    """Ours has one stride for matching and for the loss. Raises UserError where they differ."""
    loss, matching = (config.get(f"{KEY}{name}_STRIDE") for name in ("MASK", "MATCH"))
    if (4 if loss is None else loss) != (4 if matching is None else matching):
        raise UserError(f"{KEY}MASK_STRIDE is {loss} and {KEY}MATCH_STRIDE {matching}; supported are equal values")
    return loss


official = IfcOfficial()
