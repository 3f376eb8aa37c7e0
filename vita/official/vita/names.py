"""VITA's counterpart: the released implementation's weights, configuration keys and recorded outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from vita.official.checkpoints.backbone import fixed_tensors
from vita.official.checkpoints.detector import DetectorNames, detector_options
from vita.official.checkpoints.names import (
    Parts,
    Rules,
    attention_rules,
    feedforward_rules,
    renamed,
    video_decoder_rules,
)
from vita.official.checkpoints.sizes import Config, Fixed, Shapes, Sizes, agreed

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
    "object_decoder.token_position": "fq_pos",
    "mask_projection": "vita_mask_features",
    "frame_similarity": "sim_embed_frame",
    "video_similarity": "sim_embed_clip",
}
LAYER = r"object_encoder\.layers\.(?P<n>\d+)\."
VIDEO: Rules = (
    *renamed(MODULES),
    *attention_rules(rf"{LAYER}attention", r"enc_self_attn.\g<n>", "self_attn"),
    *feedforward_rules(rf"{LAYER}feedforward", r"enc_ffn.\g<n>"),
    *video_decoder_rules("object_decoder."),
)


class VitaOfficial(Parts):
    """See `vita.official.contract.ReferenceAdapter`."""

    parts = (
        *((f"detector.{ours}", theirs, rules) for ours, theirs, rules in DetectorNames.parts),
        ("", MODULE, VIDEO),
    )

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Class weights of the two losses, and the position index of a Swin."""
        backbone = "detector.mask2former.pixel_level_module.encoder"
        fixed = fixed_tensors(model, "class_head.bias", NO_OBJECT_WEIGHT, backbone, "backbone.")
        weights = fixed["criterion.empty_weight"]
        return {"criterion.empty_weight": weights, "vita_criterion.empty_weight": weights.clone(), **fixed}

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


official = VitaOfficial()
