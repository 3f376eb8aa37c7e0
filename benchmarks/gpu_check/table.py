"""A device's row in the table of docs/machines.md, from the file of its checks."""

from __future__ import annotations

from typing import Any

UNKNOWN = "not measured yet"
# Heading of a column, and the cells that it shows.
COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("VITA R50, a step in 32 bits, bf16, fp16 [ms]", ("step_float32_ms", "step_bfloat16_ms", "step_float16_ms")),
    ("memory of it [GiB]", ("step_float32_gib", "step_bfloat16_gib", "step_float16_gib")),
    ("detector, whole prediction [frames/s]", ("detector_fps", "prediction_fps")),
    ("frames in 12 GiB: VITA, IFC, Mask2Former-VIS, VisTR", ("vita", "ifc", "mask2former_vis", "vistr")),
)
HEADER = "| device | torch | " + " | ".join(heading for heading, _ in COLUMNS) + " |"


def row(content: dict[str, Any]) -> str:
    """One line of Markdown; what no part has measured says so."""
    cells = {name: value for part in content["parts"].values() for name, value in part["cells"].items()}
    shown = [_shown([cells.get(name) for name in names]) for _, names in COLUMNS]
    return "| " + " | ".join([content["machine"]["device"], content["machine"]["torch"], *shown]) + " |"


def _shown(values: list[float | None]) -> str:
    if all(value is None for value in values):
        return UNKNOWN
    return ", ".join("-" if value is None else f"{value:.4g}" for value in values)
