"""What is asked of a probe: which model, which inference, at what size, and how attention is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, PositiveInt

from vita.core.config_base import Frozen, parse, read_yaml
from vita.core.contract import AttentionPath, UserError

Precision = Literal["float32", "float16", "bfloat16"]


class Case(Frozen):
    """One question of a probe: how many frames of this model, inference and size fit?"""

    method: str
    options: dict[str, Any] = Field({})  # of the model; what is left out is as released
    variant: dict[str, Any] = Field({})  # of inference
    height: PositiveInt = 360  # of the network's input, in pixels
    width: PositiveInt = 640
    precision: Precision = "float32"
    attention: AttentionPath = "materialised"
    chunk_frames: PositiveInt = 1  # that pass through the detector together; one after the other in appendix B
    num_classes: PositiveInt = 40


def read_cases(path: Path) -> list[Case]:
    """Read the cases of a YAML file with one of them, or with a list. Raises UserError on a bad one."""
    content = read_yaml(path)
    if not isinstance(content, list):
        return [parse(Case, content, str(path))]
    if not content:
        raise UserError(f"{path}: an empty list; write at least one case")
    return [parse(Case, one, f"{path}: case {number}") for number, one in enumerate(content, 1)]


def dump_cases(cases: Sequence[Case]) -> str:
    """YAML text that `read_cases` reads; the same cases are the same bytes."""
    return yaml.safe_dump([case.model_dump(mode="json") for case in cases], sort_keys=False)
