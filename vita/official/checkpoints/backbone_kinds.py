"""All that is known of published files of each kind of backbone: names, sizes, layouts.

A new kind is a `BackboneKind` here, beside its options in `vita.blocks.backbone`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isqrt
from typing import Any

import torch
from torch import Tensor

from vita.blocks.backbone import ResNetOptions, SwinOptions
from vita.core.contract import UserError
from vita.official.checkpoints.backbone_kind import BackboneKind, Configured, Layout
from vita.official.checkpoints.names import Rules, renamed
from vita.official.checkpoints.sizes import Config, Sizes, agreed, complete

# Residual networks

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
CONVOLUTIONS = {"shortcut": "shortcut", r"layer\.0": "conv1", r"layer\.1": "conv2", r"layer\.2": "conv3"}
NORM = r"weight|bias|running_mean|running_var"
CAFFE2_BRANCH = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}
CAFFE2_NORM = {
    "beta": "bias",
    "gamma": "weight",
    "b": "bias",
    "s": "weight",
    "rm": "running_mean",
    "riv": "running_var",
}


def _residual(ours: str, theirs: str) -> Rules:
    """One convolution with its norm. A trained batch norm's count of batches has no counterpart."""
    return (
        (rf"{ours}\.convolution\.(?P<leaf>{NORM})", rf"{theirs}.\g<leaf>"),
        (rf"{ours}\.normalization\.(?P<leaf>{NORM})", rf"{theirs}.norm.\g<leaf>"),
    )


RESNET_RULES: Rules = (
    *_residual(r"embedder\.embedder", "stem.conv1"),
    *(
        rule
        for stage in range(4)
        for ours, theirs in CONVOLUTIONS.items()
        for rule in _residual(rf"encoder\.stages\.{stage}\.layers\.(\d+)\.{ours}", rf"res{stage + 2}.\1.{theirs}")
    ),
)


def _resnet_options(sizes: Sizes) -> dict[str, Any]:
    released = ResNetOptions()
    block, depths = _depth(sizes)
    return {
        "kind": "resnet",
        "stem_channels": sizes.choose(
            "MODEL.RESNETS.STEM_OUT_CHANNELS", sizes.dim("stem.conv1.weight"), released.stem_channels
        ),
        "channels": _residual_channels(sizes, block),
        "depths": depths,
        "block": block,
    }


def _depth(sizes: Sizes) -> tuple[str, tuple[int, ...]]:
    """Kind of block, and blocks a stage."""
    key = "MODEL.RESNETS.DEPTH"
    depth = sizes.config.get(key)
    if depth is not None and depth not in DEPTHS:
        raise UserError(f"{key} is {depth}; supported are {', '.join(map(str, DEPTHS))}")
    configured = (None, None) if depth is None else ("bottleneck" if depth > 34 else "basic", DEPTHS[depth])
    shaped: tuple[Any, Any] = (None, None)
    if "stem.conv1.weight" in sizes.shapes:
        block = "bottleneck" if "res2.0.conv3.weight" in sizes.shapes else "basic"
        shaped = block, tuple(sizes.count(f"res{stage}.") for stage in range(2, 6))
    released = ResNetOptions()
    blocks = agreed(key, configured[0], shaped[0], released.block)
    return blocks, agreed(key, configured[1], shaped[1], released.depths)


def _residual_channels(sizes: Sizes, block: str) -> tuple[int, ...]:
    """Of every stage; configured is the first, and each later one doubles. A bottleneck's inner width is a quarter."""
    key, last = "MODEL.RESNETS.RES2_OUT_CHANNELS", "conv3" if block == "bottleneck" else "conv2"
    first = sizes.config.get(key)
    configured = None if first is None else tuple(first * 2**stage for stage in range(4))
    shaped = tuple(sizes.dim(f"res{stage}.0.{last}.weight") for stage in range(2, 6))
    released = tuple(width // (1 if block == "bottleneck" else 4) for width in ResNetOptions().channels)
    channels: tuple[int, ...] = agreed(key, configured, complete(shaped), released)
    if block == "bottleneck":
        width = channels[0] // 4
        inner = sizes.choose("MODEL.RESNETS.WIDTH_PER_GROUP", sizes.dim("res2.0.conv1.weight"), width)
        if inner != width:
            raise UserError(f"MODEL.RESNETS.WIDTH_PER_GROUP is {inner}; supported is a quarter of {key}: {width}")
    return channels


def _resnet_words(options: Mapping[str, Any]) -> str:
    if None in options["depths"]:
        raise UserError("a residual network without all of its stages res2 to res5; the file is not whole")
    key = (options["block"] == "bottleneck", tuple(options["depths"]))
    names = {(depth > 34, blocks): f"ResNet-{depth}" for depth, blocks in DEPTHS.items()}
    return names.get(key, f"ResNet of {_dashed(options['depths'])} {options['block']} blocks")


def _torchvision(name: str) -> str | None:
    if match := re.fullmatch(rf"(conv1)\.(weight)|bn1\.({NORM})", name):
        return "stem.conv1.weight" if match[1] else f"stem.conv1.norm.{match[3]}"
    place = r"layer([1-4])\.(\d+)\."
    if match := re.fullmatch(rf"{place}(?:(conv|bn)(\d)|downsample\.([01]))\.({NORM})", name):
        stage, block, kind, number, shortcut, leaf = match.groups()
        norm = ".norm" if kind == "bn" or shortcut == "1" else ""
        return f"res{int(stage) + 1}.{block}.{f'conv{number}' if kind else 'shortcut'}{norm}.{leaf}"
    return None


def _caffe2(name: str) -> str | None:
    match = re.fullmatch(r"(?:(?:res_)?conv1|res(\d)_(\d+)_branch(1|2[abc]))_(?:w|bn_(\w+))", name)
    if match is None:
        return None
    stage, block, branch, norm = match.groups()
    place = "stem.conv1" if stage is None else f"res{stage}.{block}.{CAFFE2_BRANCH[branch]}"
    return f"{place}.weight" if norm is None else f"{place}.norm.{CAFFE2_NORM.get(norm, norm)}"


RESNET = BackboneKind(
    options=ResNetOptions,
    rules=RESNET_RULES,
    first="stem.conv1.weight",
    read_options=_resnet_options,
    words=_resnet_words,
    layouts=(
        Layout(
            "detectron2 ImageNet",
            ("stem.conv1.weight", "res2.0.conv1.weight"),
            str,
            r"(stem\.)?(fc|linear)\..+|.+\.num_batches_tracked",
        ),
        Layout(
            "torchvision", ("conv1.weight", "layer1.0.conv1.weight"), _torchvision, r"fc\..+|.+\.num_batches_tracked"
        ),
        Layout("Caffe2", ("conv1_w", "res2_0_branch2a_w"), _caffe2, r"(fc\d*|pred|linear)_.+|conv1_b", "MSRA"),
    ),
    saved={"hidden_act": "relu", "downsample_in_bottleneck": False, "downsample_in_first_stage": False},
    unused=(".num_batches_tracked",),
    configured=Configured(
        name="build_resnet_backbone",
        section="MODEL.RESNETS.",
        fixed={
            "MODEL.RESNETS.NUM_GROUPS": (1,),
            "MODEL.RESNETS.STRIDE_IN_1X1": (False,),
            "MODEL.RESNETS.RES5_DILATION": (1,),
        },
        run_name=lambda config: f"r{config['MODEL.RESNETS.DEPTH']}",
    ),
)

# Swin transformers

SWINS = {"T": (96, (2, 2, 6, 2)), "S": (96, (2, 2, 18, 2)), "B": (128, (2, 2, 18, 2)), "L": (192, (2, 2, 18, 2))}
BLOCK = r"swin\.encoder\.(?P<block>layers\.\d+\.blocks\.\d+)\."
TABLE = "relative_position_bias_table"


def _swin_options(sizes: Sizes) -> dict[str, Any]:
    released = SwinOptions(kind="swin")
    channels = sizes.dim("patch_embed.proj.weight")
    depths = tuple(sizes.count(f"layers.{stage}.blocks.") for stage in range(4))
    table = "layers.{}.blocks.0.attn." + TABLE
    heads = tuple(sizes.dim(table.format(stage), 1) for stage in range(4))
    rows = sizes.dim(table.format(0))  # (2 * window - 1) squared
    return {
        "kind": "swin",
        "channels": sizes.choose("MODEL.SWIN.EMBED_DIM", channels, released.channels),
        "depths": sizes.choose("MODEL.SWIN.DEPTHS", complete(depths), released.depths),
        "heads": sizes.choose("MODEL.SWIN.NUM_HEADS", complete(heads), released.heads),
        "window": sizes.choose("MODEL.SWIN.WINDOW_SIZE", rows and (isqrt(rows) + 1) // 2, released.window),
        "drop_path": sizes.config.get("MODEL.SWIN.DROP_PATH_RATE", released.drop_path),
    }


def _swin_words(options: Mapping[str, Any]) -> str:
    sizes = options["channels"], tuple(options["depths"])
    named = next((f"Swin-{letter}" for letter, size in SWINS.items() if size == sizes), None)
    words = named or f"Swin of {sizes[0]} channels and {_dashed(sizes[1])} blocks"
    return f"{words} with window {options['window']}"


def _swin_run(config: Config) -> str:
    """Told by the width and the blocks of the third stage."""
    told = config["MODEL.SWIN.EMBED_DIM"], config["MODEL.SWIN.DEPTHS"][2]
    named = {(width, depths[2]): f"swin_{letter.lower()}" for letter, (width, depths) in SWINS.items()}
    return named.get(told, "swin")


def _position_index(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The index of relative positions, which the window fixes.

    A window of w x w positions gives a (w*w, w*w) table of entries in the (2w-1)*(2w-1) rows of the bias.
    """
    windows = {key: (isqrt(len(table)) + 1) // 2 for key, table in named.items() if key.endswith(TABLE)}
    return {key.replace("bias_table", "index"): relative_positions(window) for key, window in windows.items()}


def relative_positions(window: int) -> Tensor:
    """(w*w, w*w) int64: row of the bias for every pair of positions; vertical distance first."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    down, right = (axis.flatten()[:, None] - axis.flatten()[None] + window - 1 for axis in (row, column))
    return down * (2 * window - 1) + right


SWIN = BackboneKind(
    options=SwinOptions,
    rules=(
        *renamed({rf"hidden_states_norms\.stage{stage + 1}": f"norm{stage}" for stage in range(4)}),
        *renamed({r"swin\.embeddings\.patch_embeddings\.projection": "patch_embed.proj"}),
        *renamed({r"swin\.embeddings\.norm": "patch_embed.norm"}),
        (r"swin\.encoder\.(layers\.\d+\.downsample\..+)", r"\1"),
        (rf"{BLOCK}mlp\.(.+)", r"\g<block>.mlp.\2"),
        *renamed({f"{BLOCK}layernorm_before": r"\g<block>.norm1", f"{BLOCK}layernorm_after": r"\g<block>.norm2"}),
        (rf"{BLOCK}attention\.(?P<third>[qkv])_proj\.(\w+)", r"\g<block>.attn.qkv.\3"),
        *renamed({rf"{BLOCK}attention\.o_proj": r"\g<block>.attn.proj"}),
        (rf"{BLOCK}attention\.relative_position_bias\.{TABLE}", rf"\g<block>.attn.{TABLE}"),
    ),
    first="patch_embed.proj.weight",
    read_options=_swin_options,
    words=_swin_words,
    layouts=(
        Layout(
            "original",
            ("patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight"),
            str,
            r"(head|norm)\..+|.+\.(attn_mask|relative_position_index)",
        ),
    ),
    saved={"hidden_act": "gelu", "layer_norm_eps": 1e-5},
    # Older versions of the library wrote a Swin's index tables, and had no norm behind the last stage.
    unused=(".swin.layernorm.", ".relative_position_index"),
    fresh=r"norm[0-3]\.(weight|bias)",
    constants=_position_index,
    configured=Configured(
        name="D2SwinTransformer",
        section="MODEL.SWIN.",
        fixed={
            "MODEL.SWIN.PATCH_SIZE": (4,),
            "MODEL.SWIN.MLP_RATIO": (4.0,),
            "MODEL.SWIN.QKV_BIAS": (True,),
            "MODEL.SWIN.APE": (False,),
            "MODEL.SWIN.PATCH_NORM": (True,),
        },
        run_name=_swin_run,
    ),
)

KINDS = (RESNET, SWIN)


def _dashed(numbers: tuple[int, ...]) -> str:
    return "-".join(map(str, numbers))
