"""Files as they are published, made from official state dicts: names by other programs, and what they add.

The names here are written down a second time, from the programs themselves, so that a wrong rule of ours shows.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    ResNetBackbone,
    ResNetConfig,
    ResNetForImageClassification,
    SwinBackbone,
    SwinConfig,
    SwinForImageClassification,
)

State = dict[str, Tensor]
Rules = tuple[tuple[str, Any], ...]  # applied one after the other
TORCHVISION: Rules = (
    (r"^stem\.conv1\.norm\.", "bn1."),
    (r"^stem\.", ""),
    (r"^res(\d)\.", lambda match: f"layer{int(match[1]) - 1}."),
    (r"conv(\d)\.norm\.", r"bn\1."),
    (r"shortcut\.norm\.", "downsample.1."),
    (r"shortcut\.", "downsample.0."),
)
LIBRARY_RESNET: Rules = (
    (r"^stem\.conv1\.", "embedder.embedder."),
    (r"^res(\d)\.(\d+)\.", lambda match: f"encoder.stages.{int(match[1]) - 2}.layers.{match[2]}."),
    (r"\.conv(\d)\.", lambda match: f".layer.{int(match[1]) - 1}."),
    (r"\.norm\.(\w+)$", r".normalization.\1"),
    (r"(?<!normalization)\.weight$", ".convolution.weight"),
)
LIBRARY_SWIN: Rules = (
    (r"^patch_embed\.proj\.", "swin.embeddings.patch_embeddings.projection."),
    (r"^patch_embed\.norm\.", "swin.embeddings.norm."),
    (r"^norm(\d)\.", lambda match: f"hidden_states_norms.stage{int(match[1]) + 1}."),
    (r"^layers\.", "swin.encoder.layers."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.o_proj."),
    (r"\.attn\.(relative_position_bias_table)", r".attention.relative_position_bias.\1"),
)
CLASSES = 10  # of a classifier; ImageNet has 1,000 or 21,841
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def renamed(key: str, rules: Rules) -> str:
    """A name after all rules."""
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def backbone_of(state: Mapping[str, Any], prefix: str = "backbone.") -> dict[str, Any]:
    """The backbone inside an official state dict (or layout), without its prefix and a Swin's index tables."""
    inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return {key: value for key, value in inside.items() if not key.endswith("relative_position_index")}


def without_output_norms(state: State) -> State:
    """A Swin as a classifier is published: maps of stages have no norm."""
    return {key: tensor for key, tensor in state.items() if not re.match(r"norm\d\.", key)}


def last_width(state: State) -> int:
    """Channels of the coarsest map."""
    return len(state["layers.3.blocks.0.norm1.bias"]) if "patch_embed.proj.weight" in state else _resnet_width(state)


def _resnet_width(state: State) -> int:
    return len(state["res5.0.conv3.weight"] if "res5.0.conv3.weight" in state else state["res5.0.conv2.weight"])


def zoo_pickle(path: Path, state: State, author: str | None = "torchvision", *, arrays: bool = True) -> Path:
    """detectron2's model zoo, with a ResNet's classifier; Mask2Former's script leaves tensors as they are."""
    residual = "stem.conv1.weight" in state
    named = {**state, **({"stem.fc.weight": torch.ones(CLASSES, last_width(state))} if residual else {})}
    model = {key: tensor.numpy() for key, tensor in named.items()} if arrays else named
    content = {"model": model, "matching_heuristics": True} | ({} if author is None else {"__author__": author})
    path.write_bytes(pickle.dumps(content))
    return path


def torchvision_names(state: State) -> State:
    """A residual network as torchvision's `state_dict()` names it, classifier and counts included."""
    named = {renamed(key, TORCHVISION): tensor for key, tensor in state.items()}
    norms = [key.removesuffix("running_var") for key in named if key.endswith("running_var")]
    counts = {f"{norm}num_batches_tracked": torch.tensor(7) for norm in norms}
    return {**named, **counts, "fc.weight": torch.ones(CLASSES, last_width(state)), "fc.bias": torch.ones(CLASSES)}


def caffe2_names(state: State) -> dict[str, Any]:
    """A residual network as Caffe2 names it: arrays, without anything around them. MSRA's files."""
    leaves = {"weight": "gamma", "bias": "beta", "running_mean": "running_mean", "running_var": "running_var"}
    branches = {"shortcut": "1", "conv1": "2a", "conv2": "2b", "conv3": "2c"}
    named: dict[str, Any] = {"fc1000_w": torch.ones(CLASSES, 4).numpy(), "conv1_b": torch.zeros(4).numpy()}
    for key, tensor in state.items():
        *place, leaf = key.split(".")
        norm = place[-1] == "norm"
        if place[0] == "stem":
            blob = "res_conv1" if norm else "conv1"
        else:
            blob = f"{place[0]}_{place[1]}_branch{branches[place[2]]}"
        named[f"{blob}_bn_{leaves[leaf]}" if norm else f"{blob}_w"] = tensor.numpy()
    return named


def swin_classifier(state: State) -> State:
    """A Swin as its authors publish it: with a classifier and tables, without the norms of maps."""
    blocks = [key.removesuffix("qkv.bias") for key in state if key.endswith("qkv.bias")]
    masks = {f"{block.removesuffix('attn.')}attn_mask": torch.full((4, 9, 9), -100.0) for block in blocks[1::2]}
    tables = {f"{block}relative_position_index": torch.zeros(9, 9, dtype=torch.int64) for block in blocks}
    head = {"norm.weight": torch.ones(last_width(state)), "head.bias": torch.ones(CLASSES)}
    return {**without_output_norms(state), **masks, **tables, **head}


def transformers_folder(folder: Path, state: State, config: ResNetConfig | SwinConfig, *, classifier: bool) -> Path:
    """A folder that the library writes: a classifier, or (with the norms of a Swin's maps) a backbone."""
    config.out_features = STAGES
    config.num_labels = CLASSES
    if isinstance(config, ResNetConfig):
        model: Any = (ResNetForImageClassification if classifier else ResNetBackbone)(config)
        named = {f"{'resnet.' * classifier}{renamed(key, LIBRARY_RESNET)}": tensor for key, tensor in state.items()}
    else:
        model = (SwinForImageClassification if classifier else SwinBackbone)(config)
        named = _library_swin(without_output_norms(state) if classifier else state)
    unknown = model.load_state_dict(named, strict=False).unexpected_keys
    assert unknown == []
    model.save_pretrained(folder)
    return folder


def _library_swin(state: State) -> State:
    named: State = {}
    for key, tensor in state.items():
        name = renamed(key, LIBRARY_SWIN)
        if ".attn.qkv." in name:
            thirds = zip("qkv", tensor.chunk(3), strict=True)
            named |= {name.replace(".attn.qkv.", f".attention.{letter}_proj."): third for letter, third in thirds}
        else:
            named[name] = tensor
    return named
