"""Predictions of an earlier plan that are those of this one: a further inference variant costs only itself.

A workflow deletes the outputs that are there before it predicts again. So under one they stay in `work/predicted` too,
as further names of the same files, with an index that says what they follow from.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vita.core.config_base import Frozen, digest
from vita.core.contract import UserError
from vita.core.files import read_json, sha256, write_json
from vita.core.records import PredictionRecord
from vita.core.run_config import PredictConfig, RunConfig
from vita.data.dataset import Part, find_files
from vita.engine.finished import ASKED_AT, give
from vita.engine.predict import Predicted

INDEX = "index.json"
DETECTIONS = "frame_detector.json"
RECORDED = ("weights_sha256", "source_digest", "versions", "device", "device_settings", "part")  # bytes follow from it


class Index(Frozen):
    """What lies in `work/predicted`."""

    identity: str  # digest of all that every prediction follows from
    variants: dict[str, dict[str, Any]]  # options by name
    sha256: dict[str, str]  # of files, by name
    frames: int
    streamed_videos: int

    @property
    def predicted(self) -> Predicted:
        """Counts of the pass that made them."""
        return Predicted(self.frames, self.streamed_videos)


def identity(config: RunConfig, plan: PredictConfig, record: PredictionRecord, part: Part) -> str:
    """A digest of the weights, the code, the machine, the data and the settings, but not of the variants."""
    files = find_files(config.dataset, part)
    labels = [sha256(path) for path in (files.annotations, *([files.ids] if files.ids else []))]
    recorded = {key: record.to_json()[key] for key in RECORDED}
    settings = plan.model_dump(mode="json", exclude={"variants"})
    return digest(_Identity(run=digest(config), labels=labels, settings=settings, recorded=recorded))


class _Identity(Frozen):
    run: str
    labels: list[str]
    settings: dict[str, Any]
    recorded: dict[str, Any]


def read_kept(folder: Path, plan: PredictConfig, wanted: str) -> Index | None:
    """What is kept of the plan's variants; None where nothing is, or where the same plan is asked for anew.

    wanted: the `identity` of the predictions that would be made now. A file that is not as it was written is left out.
    """
    place = _place(folder)
    try:
        index = Index.model_validate(read_json(place / INDEX))
    except (UserError, ValueError):  # nothing there, or of another version
        return None
    whole = {name for name, known in index.sha256.items() if (place / name).is_file() and sha256(place / name) == known}
    if index.identity != wanted or index.variants == plan.variants or DETECTIONS not in whole:
        return None
    same = {
        name: options
        for name, options in index.variants.items()
        if plan.variants.get(name) == options and f"{name}.json" in whole
    }
    return index.model_copy(update={"variants": same}) if same else None


def give_kept(kept: Index, folder: Path, out: Path) -> None:
    """Put what is kept into its places. Raises UserError when that fails."""
    give(_place(folder), out, [f"{name}.json" for name in kept.variants])
    give(_place(folder), folder, [DETECTIONS])


def keep(folder: Path, out: Path, plan: PredictConfig, wanted: str, predicted: Predicted) -> None:
    """Under a workflow, keep the plan's predictions for a later plan. Raises UserError when that fails."""
    if ASKED_AT not in os.environ:
        return
    place, names = _place(folder), [f"{name}.json" for name in plan.variants]
    place.mkdir(parents=True, exist_ok=True)
    for path in list(place.iterdir()):
        path.unlink()
    give(out, place, names)
    give(folder, place, [DETECTIONS])
    known = {name: sha256(place / name) for name in (*names, DETECTIONS)}
    index = Index(identity=wanted, variants=plan.variants, sha256=known, **vars(predicted))
    write_json(place / INDEX, index.model_dump(mode="json"), indent=1)


def _place(folder: Path) -> Path:
    return folder / "work" / "predicted"
