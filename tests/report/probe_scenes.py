"""Records of memory probes, written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GIBIBYTE = 2**30


def write_probe(path: Path, key: dict[str, str], low: int, predicted: int, **changes: Any) -> Path:
    """A prediction of the paper's question; `case` and everything else may be changed."""
    case = {
        "method": "vita",
        "options": {},
        "variant": {},
        "height": 360,
        "width": 640,
        "precision": "float32",
        "attention": "materialised",
    }
    record = {
        "key": key,
        "case": case | changes.pop("case", {}),
        "budget_bytes": 12 * GIBIBYTE,
        "weights_bytes": 2**20,
        "predicted_peak": {"peak_bytes": 12 * GIBIBYTE},
        "source_digest": "aaa",
        "versions": {},
        "machine": "a machine",
        "predicted_frames_low": low,
        "predicted_frames": predicted,
        "curve": [[1, GIBIBYTE], [predicted, 12 * GIBIBYTE]],
        "status": "predicted",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([record | changes]))
    return path


def measured(frames: int | None, band: tuple[int, int] | None = None, **changes: Any) -> dict[str, Any]:
    """What a measurement adds to a record."""
    trials = [{"frames": frames or 1, "outcome": "fits", "peak_bytes": GIBIBYTE}]
    found = {"measured_frames": frames, "band": list(band or (frames, frames)), "trials": trials}
    return {"status": "finished", "device": "a card", "budget": "12 GiB allocator cap on a card", **found, **changes}
