"""A Mask2Former that transformers saved, as the official state dict of the image detector.

The library itself reads the file, since its own names on disk are older than those of its modules.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import Mask2FormerForUniversalSegmentation

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.official.checkpoints.names import detector_source
from vita.official.checkpoints.state_dict import official_names_of
from vita.official.contract import OfficialTensor

CONFIG = "config.json"
# What shapes do not tell: key of the configuration -> the value that the official detector has.
FIXED = {
    "model_type": "mask2former",
    "pre_norm": False,
    "activation_function": "relu",
    "common_stride": 4,
    "feature_strides": [4, 8, 16, 32],
    "backbone": None,  # a name from which the library would load the backbone itself
}
STAGES = {"out_features": ["stage1", "stage2", "stage3", "stage4"]}
BACKBONES: dict[str, dict[str, Any]] = {
    "swin": {"hidden_act": "gelu", "layer_norm_eps": 1e-5, **STAGES},
    "resnet": {"hidden_act": "relu", "downsample_in_bottleneck": False, "downsample_in_first_stage": False, **STAGES},
}
UNUSED = ("criterion.empty_weight", ".swin.layernorm.", ".num_batches_tracked")  # parts of names


def read_transformers(folder: Path) -> dict[str, Tensor]:
    """The weights of config.json and model.safetensors in `folder` by official key.

    Raises UserError when they are missing, damaged, or of a Mask2Former that the official code does not have.
    """
    _check_configuration(read_json(folder / CONFIG), folder / CONFIG)
    state = {name: tensor for name, tensor in _load(folder).items() if not any(part in name for part in UNUSED)}
    if unknown := [name for name in state if SAVED.source(name) is None]:
        raise UserError(f"{folder}: {len(unknown)} tensors have no official counterpart, the first is {unknown[0]}")
    return official_names_of(state, SAVED)


class _Saved:
    """Names in the library's module for segmentation."""

    def source(self, name: str) -> OfficialTensor | None:
        """The official key; None when there is none."""
        inside = name.replace("class_predictor.", "class_head.")
        return detector_source(re.sub(r"^model\.", "mask2former.", inside))


SAVED = _Saved()


def _check_configuration(raw: Any, where: Path) -> None:
    if not isinstance(raw, dict) or not isinstance(backbone := raw.get("backbone_config"), dict):
        raise UserError(f"{where}: not the configuration of a Mask2Former: no sizes under 'backbone_config'")
    kind = backbone.get("model_type")
    if kind not in BACKBONES:
        raise UserError(f"{where}: backbone_config.model_type is {kind!r}; supported are {', '.join(BACKBONES)}")
    for prefix, given, fixed in (("", raw, FIXED), ("backbone_config.", backbone, BACKBONES[kind])):
        for key, allowed in fixed.items():
            if given.get(key, allowed) != allowed:
                raise UserError(f"{where}: {prefix}{key} is {given[key]!r}; supported is {allowed!r}")


def _load(folder: Path) -> dict[str, Tensor]:
    try:
        model, report = Mask2FormerForUniversalSegmentation.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are in the report, as all that does not fit
        )
    except Exception as error:  # what the library raises depends on what is damaged
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder}: not a readable Mask2Former of transformers: {reason}") from None
    problems = {kind: sorted(map(str, keys)) for kind, keys in report.items() if keys}
    if problems:
        listed = "; ".join(f"{len(keys)} {kind.replace('_', ' ')}, first {keys[0]}" for kind, keys in problems.items())
        raise UserError(f"{folder}: the weights do not fit {CONFIG}: {listed}")
    state: dict[str, Tensor] = model.state_dict()
    return state
