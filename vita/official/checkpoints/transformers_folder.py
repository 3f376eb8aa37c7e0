"""Folders that transformers saved: a Mask2Former as the official state dict of the image detector, or a backbone.

The library itself reads the file, since its own names on disk are older than those of its modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import Mask2FormerForUniversalSegmentation

from vita.blocks.backbone import stage_names
from vita.core.contract import UserError
from vita.core.files import read_json
from vita.official.checkpoints.backbone import BACKBONE, BackboneFile, starts_fresh
from vita.official.checkpoints.backbone_kinds import KINDS
from vita.official.checkpoints.detector import DetectorNames
from vita.official.checkpoints.names import Parts
from vita.official.checkpoints.state_dict import official_names_of

CONFIG, MASK2FORMER = "config.json", "mask2former"
# What shapes do not tell: key of the configuration -> the value that the official detector has.
FIXED = {
    "model_type": MASK2FORMER,
    "pre_norm": False,
    "activation_function": "relu",
    "common_stride": 4,
    "feature_strides": [4, 8, 16, 32],
    "backbone": None,  # a name from which the library would load the backbone itself
}
STAGES = stage_names(4)
BACKBONES = {kind.name: kind for kind in reversed(KINDS)}  # in the order in which errors name them
INSIDE = {"out_features": STAGES}  # of a backbone inside a Mask2Former
UNUSED = ("criterion.empty_weight", *(part for kind in KINDS for part in kind.unused))  # parts of names


def kind_of(folder: Path) -> str:
    """The `model_type` of config.json in a folder. Raises UserError when there is none or it is not supported."""
    raw, supported = read_json(folder / CONFIG), (MASK2FORMER, *BACKBONES)
    kind = raw.get("model_type") if isinstance(raw, dict) else None
    if kind not in supported:
        raise UserError(f"{folder / CONFIG}: model_type is {kind!r}; supported are {', '.join(supported)}")
    return str(kind)


def read_transformers(folder: Path) -> tuple[dict[str, Tensor], list[str]]:
    """A Mask2Former (config.json and model.safetensors in `folder`) by official key, and the names that are of no use.

    Raises UserError when they are missing, damaged, or of a Mask2Former that the official code does not have.
    """
    _check_mask2former(read_json(folder / CONFIG), folder / CONFIG)
    saved, report = _load(folder, Mask2FormerForUniversalSegmentation)
    needed = {kind: [key for key in keys if not _unused(str(key))] for kind, keys in report.items()}
    _check_report(needed, folder)
    left_out = sorted(map(str, report["unexpected_keys"])) + [name for name in saved if _unused(name)]
    state = {name: tensor for name, tensor in saved.items() if not _unused(name)}
    if unknown := [name for name in state if SAVED.source(name) is None]:
        raise UserError(f"{folder}: {len(unknown)} tensors have no official counterpart, the first is {unknown[0]}")
    return official_names_of(state, SAVED), [name for name in left_out if name not in report["missing_keys"]]


def read_transformers_backbone(folder: Path) -> BackboneFile:
    """A ResNet or a Swin that transformers saved, with or without a classifier.

    Raises UserError when files are missing, damaged, or of a variant that the official code does not have.
    """
    raw, kind = read_json(folder / CONFIG), kind_of(folder)
    _check_values(raw, BACKBONES[kind].saved, "", folder / CONFIG)
    state, report = _load(folder, BACKBONES[kind].options.library, out_features=STAGES)
    left_out, fresh = sorted(report.pop("unexpected_keys", ())), set(report.pop("missing_keys", ()))
    missing = sorted(name for name in fresh if not _may_lack(name))
    _check_report({**report, "missing_keys": missing}, folder)
    left_out += [name for name in state if _unused(f".{name}") and name not in fresh]
    kept = {name: tensor for name, tensor in state.items() if name not in fresh and name not in left_out}
    return BackboneFile("transformers", official_names_of(kept, SAVED_BACKBONE), left_out, None)


class _Saved(Parts):
    """Names in the library's module for segmentation."""

    parts = tuple(
        (ours.replace("mask2former.", "model.").replace("class_head.", "class_predictor."), theirs, rules)
        for ours, theirs, rules in DetectorNames.parts
    )


class _SavedBackbone(Parts):
    """Names in the library's own backbones."""

    parts = (("", "", BACKBONE),)


SAVED, SAVED_BACKBONE = _Saved(), _SavedBackbone()


def _unused(name: str) -> bool:
    return any(part in name for part in UNUSED)


def _may_lack(name: str) -> bool:
    """Whether a backbone's file need not hold the tensor of the library's module."""
    source = SAVED_BACKBONE.source(name)
    return _unused(f".{name}") or (source is not None and starts_fresh(source.key))


def _check_mask2former(raw: Any, where: Path) -> None:
    if not isinstance(raw, dict) or not isinstance(backbone := raw.get("backbone_config"), dict):
        raise UserError(f"{where}: not the configuration of a Mask2Former: no sizes under 'backbone_config'")
    kind = backbone.get("model_type")
    if kind not in BACKBONES:
        raise UserError(f"{where}: backbone_config.model_type is {kind!r}; supported are {', '.join(BACKBONES)}")
    _check_values(raw, FIXED, "", where)
    _check_values(backbone, {**BACKBONES[kind].saved, **INSIDE}, "backbone_config.", where)


def _check_values(given: Mapping[str, Any], fixed: Mapping[str, Any], prefix: str, where: Path) -> None:
    for key, allowed in fixed.items():
        if given.get(key, allowed) != allowed:
            raise UserError(f"{where}: {prefix}{key} is {given[key]!r}; supported is {allowed!r}")


def _load(folder: Path, model_class: Any, **changes: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict, and what the library says of missing, unknown and misshapen tensors."""
    try:
        model, report = model_class.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are in the report, as all that does not fit
            **changes,
        )
    except Exception as error:  # what the library raises depends on what is damaged
        reason = " ".join(str(error).split())[:200]
        kind = model_class.__name__.removesuffix("ForUniversalSegmentation")
        raise UserError(f"{folder}: not a readable {kind} of transformers: {reason}") from None
    return model.state_dict(), report


def _check_report(report: Mapping[str, Any], folder: Path) -> None:
    problems = {kind: sorted(map(str, keys)) for kind, keys in report.items() if keys}
    if problems:
        listed = "; ".join(f"{len(keys)} {kind.replace('_', ' ')}, first {keys[0]}" for kind, keys in problems.items())
        raise UserError(f"{folder}: the weights do not fit {CONFIG}: {listed}")
