"""The image detector that several methods are built on: its official names and sizes."""

from __future__ import annotations

from typing import Any

from vita.blocks.detector_options import DetectorOptions
from vita.core.contract import UserError
from vita.official.checkpoints.backbone import BACKBONE, backbone_norm, backbone_options
from vita.official.checkpoints.names import Parts, Rules
from vita.official.checkpoints.sizes import Config, Fixed, Shapes, Sizes

PREDICTOR = "sem_seg_head.predictor."
QUERIES = f"{PREDICTOR}query_feat.weight"
FFN = f"{PREDICTOR}transformer_ffn_layers."
PIXEL_LAYERS = "sem_seg_head.pixel_decoder.transformer.encoder.layers."
NUMBERS_A_HEAD = 3 * 4 * 2  # levels x points x (x, y) that a head of deformable attention predicts
# Configured variants that these parts have: key -> values allowed.
FIXED_DETECTOR: Fixed = {
    "MODEL.MASK_FORMER.PRE_NORM": (False,),
    "MODEL.MASK_FORMER.ENFORCE_INPUT_PROJ": (False,),
    "MODEL.SEM_SEG_HEAD.NORM": ("GN",),
    "MODEL.SEM_SEG_HEAD.PIXEL_DECODER_NAME": ("MSDeformAttnPixelDecoder",),
}
PIXEL_DECODER: Rules = (
    (r"input_projections\.(.+)", r"input_proj.\1"),
    (r"level_embed", r"transformer.level_embed"),
    (r"(encoder\.layers\.\d+\.self_attn\..+)", r"transformer.\1"),
    (r"(encoder\.layers\.\d+)\.fc([12])\.(\w+)", r"transformer.\1.linear\2.\3"),
    (r"(encoder\.layers\.\d+)\.self_attn_layer_norm\.(\w+)", r"transformer.\1.norm1.\2"),
    (r"(encoder\.layers\.\d+)\.final_layer_norm\.(\w+)", r"transformer.\1.norm2.\2"),
    (r"(adapter_1|layer_1)\.0\.(\w+)", r"\1.\2"),
    (r"(adapter_1|layer_1)\.1\.(\w+)", r"\1.norm.\2"),
    (r"mask_projection\.(\w+)", r"mask_features.\1"),
)
FRAME_DECODER: Rules = (
    (r"queries_features\.(\w+)", r"query_feat.\1"),
    (r"queries_embedder\.(\w+)", r"query_embed.\1"),
    (r"level_embed\.(\w+)", r"level_embed.\1"),
    (r"decoder\.layernorm\.(\w+)", r"decoder_norm.\1"),
    (r"decoder\.mask_predictor\.mask_embedder\.(\d+)\.0\.(\w+)", r"mask_embed.layers.\1.\2"),
    (
        r"decoder\.layers\.(\d+)\.self_attn\.(?P<third>[qkv])_proj\.(\w+)",
        r"transformer_self_attention_layers.\1.self_attn.in_proj_\3",
    ),
    (r"decoder\.layers\.(\d+)\.(self_attn\.out_proj\.\w+)", r"transformer_self_attention_layers.\1.\2"),
    (r"decoder\.layers\.(\d+)\.self_attn_layer_norm\.(\w+)", r"transformer_self_attention_layers.\1.norm.\2"),
    (r"decoder\.layers\.(\d+)\.cross_attn\.(.+)", r"transformer_cross_attention_layers.\1.multihead_attn.\2"),
    (r"decoder\.layers\.(\d+)\.cross_attn_layer_norm\.(\w+)", r"transformer_cross_attention_layers.\1.norm.\2"),
    (r"decoder\.layers\.(\d+)\.fc([12])\.(\w+)", r"transformer_ffn_layers.\1.linear\2.\3"),
    (r"decoder\.layers\.(\d+)\.final_layer_norm\.(\w+)", r"transformer_ffn_layers.\1.norm.\2"),
)


class DetectorNames(Parts):
    """Of our FrameDetector, in all methods that are built on Mask2Former."""

    parts = (
        ("mask2former.pixel_level_module.encoder.", "backbone.", BACKBONE),
        ("mask2former.pixel_level_module.decoder.", "sem_seg_head.pixel_decoder.", PIXEL_DECODER),
        ("mask2former.transformer_module.", "sem_seg_head.predictor.", FRAME_DECODER),
        ("class_head.", "sem_seg_head.predictor.class_embed.", ((r"(\w+)", r"\1"),)),
    )


def detector_options(config: Config, shapes: Shapes) -> dict[str, Any]:
    """Options of the frame detector. Raises UserError where sizes contradict each other."""
    sizes, released = Sizes(config, shapes), DetectorOptions()
    sizes.check_fixed(FIXED_DETECTOR)
    offsets = sizes.dim(f"{PIXEL_LAYERS}0.self_attn.sampling_offsets.bias")
    heads = None if offsets is None else offsets // NUMBERS_A_HEAD
    hidden = sizes.dim(f"{FFN}0.linear1.weight")
    layers = sizes.count(FFN)
    predictions = sizes.choose(  # one more than layers: the first is made from the bare queries
        "MODEL.MASK_FORMER.DEC_LAYERS", None if layers is None else layers + 1, released.decoder_layers + 1
    )
    pixel_layers = sizes.count(PIXEL_LAYERS)
    return {
        "backbone": backbone_options(config, shapes, "backbone."),
        "channels": _channels(sizes),
        "heads": sizes.choose("MODEL.MASK_FORMER.NHEADS", heads, released.heads),
        "feedforward": sizes.choose("MODEL.MASK_FORMER.DIM_FEEDFORWARD", hidden, released.feedforward),
        "queries": sizes.choose("MODEL.MASK_FORMER.NUM_OBJECT_QUERIES", sizes.dim(QUERIES), released.queries),
        "pixel_layers": sizes.choose("MODEL.SEM_SEG_HEAD.TRANSFORMER_ENC_LAYERS", pixel_layers, released.pixel_layers),
        # The official code has a constant here, whatever is configured.
        "pixel_feedforward": sizes.dim(f"{PIXEL_LAYERS}0.linear1.weight") or released.pixel_feedforward,
        "decoder_layers": predictions - 1,
        "norm": backbone_norm(config),
    }


def _channels(sizes: Sizes) -> int:
    """The one width of the pixel decoder, the mask features and the transformer decoder."""
    keys = ("MODEL.MASK_FORMER.HIDDEN_DIM", "MODEL.SEM_SEG_HEAD.CONVS_DIM", "MODEL.SEM_SEG_HEAD.MASK_DIM")
    shaped = sizes.dim(QUERIES, 1)
    widths = {key: sizes.choose(key, shaped, None) for key in keys if key in sizes.config}
    if len(set(widths.values())) > 1:
        raise UserError(f"{', '.join(f'{key} {width}' for key, width in widths.items())}: these must be equal")
    return next(iter(widths.values()), shaped or DetectorOptions().channels)
