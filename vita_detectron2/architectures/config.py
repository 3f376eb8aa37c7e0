"""detectron2's configuration of a released method: the keys that its YAML files need, and what they mean for ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detectron2.config import CfgNode
from detectron2.projects.deeplab import add_deeplab_config

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.run_config import PredictConfig
from vita.official.configs.config import OfficialConfig, flatten
from vita.official.configs.convert import METHODS, options_of
from vita.official.configs.data import CLASSES
from vita.official.configs.keys import status_of
from vita.official.configs.training import predict_section

NAMED = "the configuration"  # in messages


@dataclass(frozen=True)
class MethodConfig:
    """What a configuration says of our method: its name, its options, its classes, and how it predicts."""

    method: str
    options: Mapping[str, Any]
    num_classes: int
    variant: Mapping[str, Any]
    top_k: int


def add_config(cfg: CfgNode, architecture: str) -> None:
    """Add the keys that the official training script of an architecture adds, where `cfg` has none of that name.

    architecture: Vita, VideoMaskFormer or Ifc. Call it before `cfg.merge_from_file`.
    """
    if architecture != "Ifc":
        add_deeplab_config(cfg)
    assumed = OfficialConfig(architecture, {}, NAMED)
    for key in assumed:
        *sections, last = key.split(".")
        node = cfg
        for section in sections:
            node = node.setdefault(section, CfgNode())
        node.setdefault(last, assumed.peek(key))


def read_config(cfg: CfgNode, architecture: str) -> MethodConfig:
    """What `cfg` asks of our method. Keys that the official code does not read are passed over.

    Raises UserError naming the key for what our model cannot be.
    """
    known = OfficialConfig(architecture, {}, NAMED)
    named = {key: value for key, value in flatten(cfg).items() if key in known}
    config = OfficialConfig(architecture, named, NAMED)
    options = options_of(config, NAMED)
    _refuse_other_models(config)
    predict = parse(PredictConfig, predict_section(config, architecture), NAMED)
    classes = next(config[key] for key in CLASSES if key in config)
    return MethodConfig(METHODS[architecture], options, classes, predict.variants["intact"], predict.top_k)


def _refuse_other_models(config: OfficialConfig) -> None:
    """Raises UserError on a key of the model, or of the form of its images, whose value ours cannot have."""
    for key in config:
        if key.startswith("MODEL.") or key == "INPUT.FORMAT":
            fate = status_of(key, config.peek(key), config.architecture)
            if fate is not None and fate.kind == "not supported":
                raise UserError(f"{NAMED}: key '{key}' is {config.peek(key)!r}; {fate.why}")
