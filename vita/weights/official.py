"""Names of the official VITA state dict in terms of ours.

Two parts differ in more than names: stacked query-key-value projections are split where our attention (or the
library's) keeps three layers, and the loss's class-weight buffers have no counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from vita.contract import UserError

BACKBONE = "detector.mask2former.pixel_level_module.encoder"
PIXEL_DECODER = "detector.mask2former.pixel_level_module.decoder"
FRAME_DECODER = "detector.mask2former.transformer_module"
OWN = r"vita_module\."
PREDICTOR = r"sem_seg_head\.predictor\."
PIXELS = r"sem_seg_head\.pixel_decoder\."

DROPPED = re.compile(r"(vita_)?criterion\.empty_weight")

# Pattern of an official name -> ours. The first that matches the whole name holds.
RENAMES: tuple[tuple[str, str], ...] = (
    (r"backbone\.stem\.conv1\.norm\.(\w+)", BACKBONE + r".embedder.embedder.normalization.\1"),
    (r"backbone\.stem\.conv1\.(\w+)", BACKBONE + r".embedder.embedder.convolution.\1"),
    (PIXELS + r"input_proj\.(.+)", PIXEL_DECODER + r".input_projections.\1"),
    (PIXELS + r"transformer\.level_embed", PIXEL_DECODER + r".level_embed"),
    (PIXELS + r"transformer\.(encoder\.layers\.\d+)\.linear([12])\.(.+)", PIXEL_DECODER + r".\1.fc\2.\3"),
    (PIXELS + r"transformer\.(encoder\.layers\.\d+)\.norm1\.(.+)", PIXEL_DECODER + r".\1.self_attn_layer_norm.\2"),
    (PIXELS + r"transformer\.(encoder\.layers\.\d+)\.norm2\.(.+)", PIXEL_DECODER + r".\1.final_layer_norm.\2"),
    (PIXELS + r"transformer\.(encoder\.layers\..+)", PIXEL_DECODER + r".\1"),
    (PIXELS + r"(adapter_1|layer_1)\.norm\.(\w+)", PIXEL_DECODER + r".\1.1.\2"),
    (PIXELS + r"(adapter_1|layer_1)\.(\w+)", PIXEL_DECODER + r".\1.0.\2"),
    (PIXELS + r"mask_features\.(\w+)", PIXEL_DECODER + r".mask_projection.\1"),
    (PREDICTOR + r"query_feat\.(\w+)", FRAME_DECODER + r".queries_features.\1"),
    (PREDICTOR + r"query_embed\.(\w+)", FRAME_DECODER + r".queries_embedder.\1"),
    (PREDICTOR + r"level_embed\.(\w+)", FRAME_DECODER + r".level_embed.\1"),
    (PREDICTOR + r"decoder_norm\.(\w+)", FRAME_DECODER + r".decoder.layernorm.\1"),
    (PREDICTOR + r"mask_embed\.layers\.(\d)\.(\w+)", FRAME_DECODER + r".decoder.mask_predictor.mask_embedder.\1.0.\2"),
    (PREDICTOR + r"class_embed\.(\w+)", r"detector.class_head.\1"),
    (
        PREDICTOR + r"transformer_self_attention_layers\.(\d+)\.norm\.(\w+)",
        FRAME_DECODER + r".decoder.layers.\1.self_attn_layer_norm.\2",
    ),
    (
        PREDICTOR + r"transformer_self_attention_layers\.(\d+)\.self_attn\.(.+)",
        FRAME_DECODER + r".decoder.layers.\1.self_attn.\2",
    ),
    (
        PREDICTOR + r"transformer_cross_attention_layers\.(\d+)\.norm\.(\w+)",
        FRAME_DECODER + r".decoder.layers.\1.cross_attn_layer_norm.\2",
    ),
    (
        PREDICTOR + r"transformer_cross_attention_layers\.(\d+)\.multihead_attn\.(.+)",
        FRAME_DECODER + r".decoder.layers.\1.cross_attn.\2",
    ),
    (
        PREDICTOR + r"transformer_ffn_layers\.(\d+)\.norm\.(\w+)",
        FRAME_DECODER + r".decoder.layers.\1.final_layer_norm.\2",
    ),
    (
        PREDICTOR + r"transformer_ffn_layers\.(\d+)\.linear([12])\.(\w+)",
        FRAME_DECODER + r".decoder.layers.\1.fc\2.\3",
    ),
    (OWN + r"input_proj_dec\.(\w+)", r"object_encoder.project.\1"),
    (OWN + r"enc_self_attn\.(\d+)\.(?:self_attn\.)?(.+)", r"object_encoder.layers.\1.attention.\2"),
    (OWN + r"enc_ffn\.(\d+)\.(.+)", r"object_encoder.layers.\1.feedforward.\2"),
    (
        OWN + r"transformer_self_attention_layers\.(\d+)\.(?:self_attn\.)?(.+)",
        r"object_decoder.layers.\1.self_attention.\2",
    ),
    (
        OWN + r"transformer_cross_attention_layers\.(\d+)\.(?:multihead_attn\.)?(.+)",
        r"object_decoder.layers.\1.cross_attention.\2",
    ),
    (OWN + r"transformer_ffn_layers\.(\d+)\.(.+)", r"object_decoder.layers.\1.feedforward.\2"),
    (OWN + r"query_feat\.(\w+)", r"object_decoder.query_content.\1"),
    (OWN + r"query_embed\.(\w+)", r"object_decoder.query_position.\1"),
    (OWN + r"fq_pos\.(\w+)", r"object_decoder.token_position.\1"),
    (OWN + r"decoder_norm\.(\w+)", r"object_decoder.norm.\1"),
    (OWN + r"class_embed\.(\w+)", r"class_head.\1"),
    (OWN + r"sim_embed_frame\.(\w+)", r"frame_similarity.\1"),
    (OWN + r"sim_embed_clip\.(\w+)", r"video_similarity.\1"),
    (OWN + r"vita_mask_features\.(\w+)", r"mask_projection.\1"),
)

# Names inside our own blocks, applied after the table above.
OWN_BLOCKS = (("out_proj.", "out."), ("linear1.", "expand."), ("linear2.", "contract."))


def from_official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An official VITA state dict with our names. Raises UserError naming keys that belong to no part of VITA."""
    ours: dict[str, Tensor] = {}
    unknown = []
    for key, tensor in state.items():
        if DROPPED.fullmatch(key):
            continue
        name = our_name(key)
        if name is None:
            unknown.append(key)
        else:
            ours.update(_split_projections(name, tensor))
    if unknown:
        raise UserError(f"not a VITA checkpoint: {len(unknown)} keys are unknown, the first are {unknown[:5]}")
    return ours


def our_name(key: str) -> str | None:
    """Our name of one official key; None when no part of VITA is called so."""
    if match := re.fullmatch(r"backbone\.res(\d)\.(\d+)\.(shortcut|conv\d)\.(norm\.)?(\w+)", key):
        return _residual_name(*match.groups())
    if match := re.fullmatch(OWN + r"mask_embed\.layers\.(\d)\.(\w+)", key):
        return f"mask_embedding.{2 * int(match[1])}.{match[2]}"
    for pattern, ours in RENAMES:
        if match := re.fullmatch(pattern, key):
            return _block_name(match.expand(ours))
    return None


def _residual_name(stage: str, layer: str, part: str, norm: str | None, leaf: str) -> str:
    place = part if part == "shortcut" else f"layer.{int(part[4:]) - 1}"
    kind = "normalization" if norm else "convolution"
    return f"{BACKBONE}.encoder.stages.{int(stage) - 2}.layers.{layer}.{place}.{kind}.{leaf}"


def _block_name(name: str) -> str:
    if name.startswith("object_"):
        for theirs, ours in OWN_BLOCKS:
            name = name.replace(theirs, ours)
    return name


def _split_projections(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Query, key and value of a stacked projection, where the module keeps them apart."""
    stem, _, leaf = name.rpartition(".")
    if not leaf.startswith("in_proj_") or stem.endswith("cross_attn"):
        yield name, tensor
        return
    suffix = "" if name.startswith("object_") else "_proj"
    names = ("query", "key", "value") if name.startswith("object_") else ("q", "k", "v")
    for part, chunk in zip(names, tensor.chunk(3), strict=True):
        yield f"{stem}.{part}{suffix}.{leaf.removeprefix('in_proj_')}", chunk.clone()
