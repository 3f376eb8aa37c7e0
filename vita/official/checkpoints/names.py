"""Names of ours -> names of the official state dicts, for the parts that several methods share.

Names are relative: ours to the module, theirs to the official module of the same role, whose prefix the caller adds.
Two kinds of tensors differ in more than names: the official code stacks query, key and value projections where ours
are three layers, and it keeps constants, such as class weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

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


# Entries of the official state dict that no tensor of ours stands for.
