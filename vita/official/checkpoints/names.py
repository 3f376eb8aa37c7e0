"""Names of ours -> names of the official state dicts, for the parts that several methods share.

Names are relative: ours to the module, theirs to the official module of the same role, whose prefix the caller adds.
Two kinds of tensors differ in more than names: the official code stacks query, key and value projections where ours
are three layers, and its Swin keeps the index of relative positions, which the window fixes (`backbone_constants`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from vita.official.contract import OfficialTensor

Rules = tuple[tuple[str, str], ...]  # pattern of our whole name -> theirs; a group `third` begins with q, k or v

LEAF = r"(?P<leaf>\w+)"


def translate(name: str, rules: Rules) -> OfficialTensor | None:
    """The first rule that matches the whole name holds; None when none does."""
    for pattern, theirs in rules:
        if match := re.fullmatch(pattern, name):
            third = match.groupdict().get("third")
            return OfficialTensor(match.expand(theirs), None if third is None else "qkv".index(third[0]))
    return None


class Parts:
    """Names by the parts of a model; see `vita.official.checkpoints.state_dict.Names`.

    parts: what our names begin with, what theirs begin with, and rules for the rest.
    """

    parts: ClassVar[tuple[tuple[str, str, Rules], ...]]

    def source(self, name: str) -> OfficialTensor | None:
        """Where our tensor `name` comes from; None when its part, the first that fits, has no rule for it."""
        for ours, theirs, rules in self.parts:
            if name.startswith(ours):
                source = translate(name.removeprefix(ours), rules)
                return source and source.under(theirs)
        return None


# Rules for modules of ours. `ours` is a pattern with a group `n` where there is a number, `theirs` names it `\g<n>`.


def renamed(modules: Mapping[str, str]) -> Rules:
    """Modules of which only the name differs, ours -> theirs."""
    return tuple((rf"{ours}\.{LEAF}", rf"{theirs}.\g<leaf>") for ours, theirs in modules.items())


def attention_rules(ours: str, layer: str, attention: str, norm: str = "norm") -> Rules:
    """Of our AttentionBlock; `attention` and `norm` are modules of their `layer`."""
    stacked = rf"{ours}\.(?P<third>query|key|value)\.{LEAF}", rf"{layer}.{attention}.in_proj_\g<leaf>"
    return (stacked, *renamed({rf"{ours}\.out": f"{layer}.{attention}.out_proj", rf"{ours}\.norm": f"{layer}.{norm}"}))


def feedforward_rules(ours: str, layer: str, norm: str = "norm") -> Rules:
    """Of our FeedForwardBlock; `norm` is a module of their `layer`, which also has `linear1` and `linear2`."""
    names = {"expand": "linear1", "contract": "linear2", "norm": norm}
    return renamed({rf"{ours}\.{one}": f"{layer}.{other}" for one, other in names.items()})


def mask_embedding_rules(ours: str, theirs: str) -> Rules:
    """Of our MaskEmbedding, whose activations have numbers too."""
    return renamed({rf"{ours}\.{2 * number}": f"{theirs}.layers.{number}" for number in range(3)})


def video_decoder_rules(ours: str) -> Rules:
    """Of a decoder of video queries called `ours` with the heads beside it, as in all that follows Mask2Former."""
    layer = rf"{ours}layers\.(?P<n>\d+)\."
    return (
        *renamed({f"{ours}query_content": "query_feat", f"{ours}query_position": "query_embed"}),
        *renamed({f"{ours}norm": "decoder_norm", "class_head": "class_embed"}),
        *mask_embedding_rules("mask_embedding", "mask_embed"),
        *attention_rules(rf"{layer}self_attention", r"transformer_self_attention_layers.\g<n>", "self_attn"),
        *attention_rules(rf"{layer}cross_attention", r"transformer_cross_attention_layers.\g<n>", "multihead_attn"),
        *feedforward_rules(rf"{layer}feedforward", r"transformer_ffn_layers.\g<n>"),
    )


# Rules for the library's modules.


def _residual(ours: str, theirs: str) -> Rules:
    """One convolution with its norm. A trained batch norm's count of batches has no counterpart."""
    leaf = r"(?P<leaf>weight|bias|running_mean|running_var)"
    return (
        (rf"{ours}\.convolution\.{leaf}", rf"{theirs}.\g<leaf>"),
        (rf"{ours}\.normalization\.{leaf}", rf"{theirs}.norm.\g<leaf>"),
    )


CONVOLUTIONS = {"shortcut": "shortcut", r"layer\.0": "conv1", r"layer\.1": "conv2", r"layer\.2": "conv3"}
RESNET: Rules = (
    *_residual(r"embedder\.embedder", "stem.conv1"),
    *(
        rule
        for stage in range(4)
        for ours, theirs in CONVOLUTIONS.items()
        for rule in _residual(rf"encoder\.stages\.{stage}\.layers\.(\d+)\.{ours}", rf"res{stage + 2}.\1.{theirs}")
    ),
)
SWIN: Rules = (
    *renamed({rf"hidden_states_norms\.stage{stage + 1}": f"norm{stage}" for stage in range(4)}),
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
BACKBONE = (*RESNET, *SWIN)
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


# Entries of the official state dict that no tensor of ours stands for.


def class_weights(model: nn.Module, bias: str, no_object: float) -> Tensor:
    """Of a loss over the classes of the head with this bias: 1, and `no_object` for the last, which is "no object"."""
    weights = torch.ones(len(model.get_parameter(bias)))
    weights[-1] = no_object
    return weights


def backbone_constants(backbone: nn.Module, prefix: str) -> dict[str, Tensor]:
    """What a Swin's window fixes: the index of relative positions.

    A window of w x w positions gives a (w*w, w*w) table of entries in the (2w-1)*(2w-1) rows of the bias.
    """
    constants: dict[str, Tensor] = {}
    for name, table in backbone.state_dict().items():
        source = translate(name, BACKBONE)
        if source is not None and source.key.endswith("relative_position_bias_table"):
            key = source.key.removesuffix("bias_table") + "index"
            constants[prefix + key] = relative_positions((round(len(table) ** 0.5) + 1) // 2)
    return constants


def relative_positions(window: int) -> Tensor:
    """(w*w, w*w) int64: row of the bias for every pair of positions; vertical distance first."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    down, right = (axis.flatten()[:, None] - axis.flatten()[None] + window - 1 for axis in (row, column))
    return down * (2 * window - 1) + right
