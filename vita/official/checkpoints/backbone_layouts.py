"""Files of a backbone alone, as they are published: their names -> official names, which are detectron2's.

A file is known by its names. Classifiers, counts of batches and what a Swin's window fixes are of no use here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from torch import Tensor

NORM = r"weight|bias|running_mean|running_var"
BRANCH = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}  # Caffe2's name of a convolution -> ours
CAFFE2_NORM = {
    "beta": "bias",
    "gamma": "weight",
    "b": "bias",
    "s": "weight",
    "rm": "running_mean",
    "riv": "running_var",
}


@dataclass(frozen=True)
class Layout:
    """How one program calls the tensors of a backbone.

    held: names that every such file has; official: name -> official name, None for an unknown one; unused: a pattern
    of whole names; author: who made such files, where the layout alone tells.
    """

    program: str
    held: Collection[str]
    official: Callable[[str], str | None]
    unused: str
    author: str | None = None


@dataclass(frozen=True)
class BackboneFile:
    """A backbone's tensors under official names; unknown ones keep the name that the file has for them."""

    program: str  # that writes such files
    state: dict[str, Tensor]
    left_out: list[str]
    author: str | None


def read_backbone(state: Mapping[str, Tensor], author: str | None) -> BackboneFile | None:
    """The backbone of a file that holds a backbone alone; None for other files. author: as the file says itself."""
    layout = next((layout for layout in LAYOUTS if all(name in state for name in layout.held)), None)
    if layout is None:
        return None
    left_out = [name for name in state if re.fullmatch(layout.unused, name)]
    kept = {layout.official(name) or name: state[name] for name in state if name not in left_out}
    return BackboneFile(layout.program, kept, left_out, layout.author or author)


def _official(name: str) -> str | None:
    return name


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
    place = "stem.conv1" if stage is None else f"res{stage}.{block}.{BRANCH[branch]}"
    return f"{place}.weight" if norm is None else f"{place}.norm.{CAFFE2_NORM.get(norm, norm)}"


DETECTRON2 = Layout(
    "detectron2 ImageNet",
    ("stem.conv1.weight", "res2.0.conv1.weight"),
    _official,
    r"(stem\.)?(fc|linear)\..+|.+\.num_batches_tracked",
)
TORCHVISION = Layout(
    "torchvision",
    ("conv1.weight", "layer1.0.conv1.weight"),
    _torchvision,
    r"fc\..+|.+\.num_batches_tracked",
)
CAFFE2 = Layout("Caffe2", ("conv1_w", "res2_0_branch2a_w"), _caffe2, r"(fc\d*|pred|linear)_.+|conv1_b", "MSRA")
SWIN = Layout(
    "original",
    ("patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight"),
    _official,
    r"(head|norm)\..+|.+\.(attn_mask|relative_position_index)",
)
LAYOUTS = (DETECTRON2, TORCHVISION, CAFFE2, SWIN)
