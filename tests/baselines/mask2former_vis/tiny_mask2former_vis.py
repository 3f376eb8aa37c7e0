"""Options of a Mask2Former-VIS that is built and run in a moment."""

from __future__ import annotations

from typing import Any

import tiny_vita

TINY: dict[str, Any] = {"detector": tiny_vita.TINY["detector"] | {"norm": "frozen"}, "points": 16}
