"""What is asked of a probe: which model, which inference, at what size, and how attention is computed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt

from vita.config_file import Frozen
from vita.contract import AttentionPath

Precision = Literal["float32", "float16", "bfloat16"]


class Case(Frozen):
    """One question: how many frames of this fit?"""

    method: str
    options: dict[str, Any] = Field({})  # of the model; what is left out is as released
    variant: dict[str, Any] = Field({})  # of inference
    height: PositiveInt = 360  # of the network's input, in pixels
    width: PositiveInt = 640
    precision: Precision = "float32"
    attention: AttentionPath = "materialised"
    chunk_frames: PositiveInt = 1  # that pass through the detector together; one after the other in appendix B
    num_classes: PositiveInt = 40
