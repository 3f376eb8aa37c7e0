"""Options of a VITA that is built and run in a moment."""

from __future__ import annotations

from typing import Any

TINY: dict[str, Any] = {
    "detector": {
        "backbone": {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4},
        "channels": 32,
        "heads": 4,
        "feedforward": 32,
        "queries": 6,
        "pixel_layers": 1,
        "pixel_feedforward": 32,
        "decoder_layers": 3,
        "norm": "trained",
    },
    "heads": 4,
    "feedforward": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "video_queries": 5,
    "frame_points": 16,
    "video_points": 16,
}
