"""Sizes of official models, from their configuration and from the shapes of their weights.

config: flat keys ("MODEL.MASK_FORMER.NHEADS"); shapes: of the official state dict, by key. Both may be partial or
empty: what neither names is as released. Where both name a size they must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

from vita.blocks.backbone import ResNetOptions, SwinOptions
from vita.blocks.detector_options import DetectorOptions
from vita.core.contract import UserError

Config = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]
Fixed = Mapping[str, tuple[Any, ...]]

PREDICTOR = "sem_seg_head.predictor."
QUERIES = f"{PREDICTOR}query_feat.weight"
FFN = f"{PREDICTOR}transformer_ffn_layers."
PIXEL_LAYERS = "sem_seg_head.pixel_decoder.transformer.encoder.layers."
NUMBERS_A_HEAD = 3 * 4 * 2  # levels x points x (x, y) that a head of deformable attention predicts

# Configured variants that these parts have: key -> values allowed.
FIXED_RESNET: Fixed = {
    "MODEL.RESNETS.NUM_GROUPS": (1,),
    "MODEL.RESNETS.STRIDE_IN_1X1": (False,),
    "MODEL.RESNETS.RES5_DILATION": (1,),
}
FIXED_SWIN: Fixed = {
    "MODEL.SWIN.PATCH_SIZE": (4,),
    "MODEL.SWIN.MLP_RATIO": (4.0,),
    "MODEL.SWIN.QKV_BIAS": (True,),
    "MODEL.SWIN.APE": (False,),
    "MODEL.SWIN.PATCH_NORM": (True,),
}
FIXED_DETECTOR: Fixed = {
    "MODEL.MASK_FORMER.PRE_NORM": (False,),
    "MODEL.MASK_FORMER.ENFORCE_INPUT_PROJ": (False,),
    "MODEL.SEM_SEG_HEAD.NORM": ("GN",),
    "MODEL.SEM_SEG_HEAD.PIXEL_DECODER_NAME": ("MSDeformAttnPixelDecoder",),
}
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
KINDS = {"build_resnet_backbone": "resnet", "D2SwinTransformer": "swin"}


@dataclass(frozen=True)
class Sizes:
    """Reads one size after the other and holds configuration against shapes."""

    config: Config
    shapes: Shapes

    def check_fixed(self, fixed: Fixed) -> None:
        """Raises UserError when the configuration asks for a variant that is not among the allowed values."""
        for key, allowed in fixed.items():
            if key in self.config and self.config[key] not in allowed:
                raise UserError(f"{key} is {self.config[key]!r}; supported is {' or '.join(map(repr, allowed))}")

    def choose(self, key: str, shaped: Any, released: Any = None) -> Any:
        """What `key` configures, or what the weights are shaped for (None: they do not say), or the released value.

        Raises UserError when configuration and weights differ.
        """
        configured = self.config.get(key)
        return agreed(key, tuple(configured) if isinstance(configured, list) else configured, shaped, released)

    def dim(self, key: str, axis: int = 0) -> int | None:
        """Size of one axis of an official tensor; None when the shapes do not hold it."""
        shape = self.shapes.get(key, ())
        return shape[axis] if axis < len(shape) else None

    def count(self, stem: str) -> int | None:
        """How many numbered modules there are below `stem` (which ends with a dot); None for none."""
        return len({key[len(stem) :].partition(".")[0] for key in self.shapes if key.startswith(stem)}) or None


def agreed(key: str, configured: Any, shaped: Any, released: Any = None) -> Any:
    """As `Sizes.choose`, of a value that was derived from the configured one."""
    if configured is not None and shaped is not None and configured != shaped:
        raise UserError(f"{key} asks for {configured}, but the weights are of {shaped}; use their own configuration")
    return next((value for value in (configured, shaped) if value is not None), released)


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


def backbone_norm(config: Config) -> str:
    """Whether the backbone's batch norm is frozen, as in the release, or trained."""
    return "frozen" if config.get("MODEL.RESNETS.NORM", "FrozenBN") == "FrozenBN" else "trained"


def _channels(sizes: Sizes) -> int:
    """The one width of the pixel decoder, the mask features and the transformer decoder."""
    keys = ("MODEL.MASK_FORMER.HIDDEN_DIM", "MODEL.SEM_SEG_HEAD.CONVS_DIM", "MODEL.SEM_SEG_HEAD.MASK_DIM")
    shaped = sizes.dim(QUERIES, 1)
    widths = {key: sizes.choose(key, shaped, None) for key in keys if key in sizes.config}
    if len(set(widths.values())) > 1:
        raise UserError(f"{', '.join(f'{key} {width}' for key, width in widths.items())}: these must be equal")
    return next(iter(widths.values()), shaped or DetectorOptions().channels)


def backbone_options(config: Config, shapes: Shapes, prefix: str) -> dict[str, Any]:
    """Options of a backbone whose official keys begin with `prefix`. Raises UserError on contradictions."""
    sizes = Sizes(config, {key.removeprefix(prefix): size for key, size in shapes.items() if key.startswith(prefix)})
    name = config.get("MODEL.BACKBONE.NAME")
    if name is not None and name not in KINDS:
        raise UserError(f"MODEL.BACKBONE.NAME is {name!r}; supported are {', '.join(KINDS)}")
    resnet, swin = (key in sizes.shapes for key in ("stem.conv1.weight", "patch_embed.proj.weight"))
    shaped = "swin" if swin else "resnet" if resnet else None
    kind = agreed("MODEL.BACKBONE.NAME", None if name is None else KINDS[name], shaped, "resnet")
    return _swin(sizes) if kind == "swin" else _resnet(sizes)


def _resnet(sizes: Sizes) -> dict[str, Any]:
    sizes.check_fixed(FIXED_RESNET)
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
    channels: tuple[int, ...] = agreed(key, configured, _complete(shaped), released)
    if block == "bottleneck":
        width = channels[0] // 4
        inner = sizes.choose("MODEL.RESNETS.WIDTH_PER_GROUP", sizes.dim("res2.0.conv1.weight"), width)
        if inner != width:
            raise UserError(f"MODEL.RESNETS.WIDTH_PER_GROUP is {inner}; supported is a quarter of {key}: {width}")
    return channels


def _swin(sizes: Sizes) -> dict[str, Any]:
    sizes.check_fixed(FIXED_SWIN)
    released = SwinOptions(kind="swin")
    channels = sizes.dim("patch_embed.proj.weight")
    depths = tuple(sizes.count(f"layers.{stage}.blocks.") for stage in range(4))
    table = "layers.{}.blocks.0.attn.relative_position_bias_table"
    heads = tuple(sizes.dim(table.format(stage), 1) for stage in range(4))
    rows = sizes.dim(table.format(0))  # (2 * window - 1) squared
    return {
        "kind": "swin",
        "channels": sizes.choose("MODEL.SWIN.EMBED_DIM", channels, released.channels),
        "depths": sizes.choose("MODEL.SWIN.DEPTHS", _complete(depths), released.depths),
        "heads": sizes.choose("MODEL.SWIN.NUM_HEADS", _complete(heads), released.heads),
        "window": sizes.choose("MODEL.SWIN.WINDOW_SIZE", rows and (isqrt(rows) + 1) // 2, released.window),
        "drop_path": sizes.config.get("MODEL.SWIN.DROP_PATH_RATE", released.drop_path),
    }


def _complete(numbers: tuple[int | None, ...]) -> tuple[int | None, ...] | None:
    return None if None in numbers else numbers
