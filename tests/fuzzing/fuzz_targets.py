"""All readers that are fuzzed, by name."""

from __future__ import annotations

from fuzz_labels import ANNOTATIONS, RESULTS
from fuzz_masks import CODES, POLYGONS
from fuzz_pickles import PICKLES
from fuzz_results import HISTORY, RECORD, SERVER, TABLE
from fuzz_settings import OFFICIAL, SETTINGS
from fuzz_target import Target
from fuzz_videos import VIDEOS

ALL = (
    ANNOTATIONS, RESULTS, CODES, POLYGONS, SETTINGS, OFFICIAL, PICKLES, SERVER, RECORD, HISTORY, TABLE, VIDEOS
)  # fmt: skip
TARGETS: dict[str, Target] = {target.name: target for target in ALL}
