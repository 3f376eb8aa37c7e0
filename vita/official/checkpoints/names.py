"""Names of ours -> names of the official state dicts, for the parts that several methods share.

Names are relative: ours to the module, theirs to the official module of the same role, whose prefix the caller adds.
Two kinds of tensors differ in more than names: the official code stacks query, key and value projections where ours
are three layers, and its Swin keeps the index of relative positions, which the window fixes (`backbone_constants`).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from vita.official.contract import OfficialTensor

Rules = tuple[tuple[str, str], ...]  # pattern of our whole name -> theirs; a group `third` begins with q, k or v

SWIN: Rules = (
    (r"swin\.embeddings\.patch_embeddings\.projection\.(\w+)", r"patch_embed.proj.\1"),
    (r"swin\.embeddings\.norm\.(\w+)", r"patch_embed.norm.\1"),
    (r"swin\.encoder\.(layers\.\d+\.downsample\..+)", r"\1"),
    (r"swin\.encoder\.(layers\.\d+\.blocks\.\d+\.mlp\..+)", r"\1"),
    (r"swin\.encoder\.(layers\.\d+\.blocks\.\d+)\.layernorm_before\.(\w+)", r"\1.norm1.\2"),
    (r"swin\.encoder\.(layers\.\d+\.blocks\.\d+)\.layernorm_after\.(\w+)", r"\1.norm2.\2"),
    (r"swin\.encoder\.(layers\.\d+\.blocks\.\d+)\.attention\.(?P<third>[qkv])_proj\.(\w+)", r"\1.attn.qkv.\3"),
    (r"swin\.encoder\.(layers\.\d+\.blocks\.\d+)\.attention\.o_proj\.(\w+)", r"\1.attn.proj.\2"),
    (r"swin\.encoder\.(layers\.\d+\.blocks\.\d+)\.attention\.relative_position_bias\.(\w+_table)", r"\1.attn.\2"),
)
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
ATTENTION: Rules = ((r"(?P<third>query|key|value)\.(\w+)", r"in_proj_\2"), (r"out\.(\w+)", r"out_proj.\1"))
FEEDFORWARD: Rules = ((r"expand\.(\w+)", r"linear1.\1"), (r"contract\.(\w+)", r"linear2.\1"))


def translate(name: str, rules: Rules) -> OfficialTensor | None:
    """The first rule that matches the whole name holds; None when none does."""
    for pattern, theirs in rules:
        if match := re.fullmatch(pattern, name):
            third = match.groupdict().get("third")
            return OfficialTensor(match.expand(theirs), None if third is None else "qkv".index(third[0]))
    return None


def backbone_source(name: str) -> OfficialTensor | None:
    """Of the library's ResNet or Swin. A trained batch norm's count of batches has no counterpart."""
    match = re.fullmatch(r"(.+)\.(convolution|normalization)\.(weight|bias|running_mean|running_var)", name)
    if match is None:
        stage_norm = re.fullmatch(r"hidden_states_norms\.stage(\d)\.(\w+)", name)
        return OfficialTensor(f"norm{int(stage_norm[1]) - 1}.{stage_norm[2]}") if stage_norm else translate(name, SWIN)
    place = _residual_place(match[1])
    return None if place is None else OfficialTensor(f"{place}{'.norm' * (match[2] == 'normalization')}.{match[3]}")


def _residual_place(name: str) -> str | None:
    """The official name of one convolution of a residual network."""
    if name == "embedder.embedder":
        return "stem.conv1"
    match = re.fullmatch(r"encoder\.stages\.(\d)\.layers\.(\d+)\.(shortcut|layer\.(\d))", name)
    if match is None:
        return None
    convolution = match[3] if match[4] is None else f"conv{int(match[4]) + 1}"
    return f"res{int(match[1]) + 2}.{match[2]}.{convolution}"


def backbone_constants(backbone: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Entries of the official state dict that a Swin's window fixes: the index of relative positions.

    A window of w x w positions gives a (w*w, w*w) table of entries in the (2w-1)*(2w-1) rows of the bias.
    """
    constants: dict[str, Tensor] = {}
    for name, table in backbone.state_dict().items():
        source = backbone_source(name)
        if source is not None and source.key.endswith("relative_position_bias_table"):
            key = source.key.removesuffix("bias_table") + "index"
            constants[prefix + key] = relative_positions((round(len(table) ** 0.5) + 1) // 2)
    return constants


def relative_positions(window: int) -> Tensor:
    """(w*w, w*w) int64: row of the bias for every pair of positions; vertical distance first."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    down, right = (axis.flatten()[:, None] - axis.flatten()[None] + window - 1 for axis in (row, column))
    return down * (2 * window - 1) + right


def pixel_decoder_source(name: str) -> OfficialTensor | None:
    """Of the library's pixel decoder; theirs is relative to `sem_seg_head.pixel_decoder.`."""
    return translate(name, PIXEL_DECODER)


def frame_decoder_source(name: str) -> OfficialTensor | None:
    """Of the library's transformer module; theirs is relative to `sem_seg_head.predictor.`."""
    return translate(name, FRAME_DECODER)


def attention_source(name: str, attention: str, norm: str) -> OfficialTensor | None:
    """Of our AttentionBlock; `attention` and `norm` are the official attention module and its layer norm."""
    if name.startswith("norm."):
        return OfficialTensor(norm + name.removeprefix("norm"))
    source = translate(name, ATTENTION)
    return source and source.under(attention + ".")


def feedforward_source(name: str, layer: str, norm: str) -> OfficialTensor | None:
    """Of our FeedForwardBlock; `layer` is the official module with `linear1` and `linear2`, `norm` its layer norm."""
    if name.startswith("norm."):
        return OfficialTensor(norm + name.removeprefix("norm"))
    source = translate(name, FEEDFORWARD)
    return source and source.under(layer + ".")


def detector_source(name: str) -> OfficialTensor | None:
    """Of our FrameDetector; theirs is the whole key, the same in all methods that are built on Mask2Former."""
    parts = (
        ("mask2former.pixel_level_module.encoder.", "backbone.", backbone_source),
        ("mask2former.pixel_level_module.decoder.", "sem_seg_head.pixel_decoder.", pixel_decoder_source),
        ("mask2former.transformer_module.", "sem_seg_head.predictor.", frame_decoder_source),
        ("class_head.", "sem_seg_head.predictor.class_embed.", OfficialTensor),
    )
    for ours, theirs, source_of in parts:
        if name.startswith(ours):
            source = source_of(name.removeprefix(ours))
            return source and source.under(theirs)
    return None


def mask_embedding_source(name: str, theirs: str) -> OfficialTensor | None:
    """Of our MaskEmbedding, whose activations have numbers too; `theirs` is the official perceptron."""
    match = re.fullmatch(r"([024])\.(\w+)", name)
    return OfficialTensor(f"{theirs}.layers.{int(match[1]) // 2}.{match[2]}") if match else None
