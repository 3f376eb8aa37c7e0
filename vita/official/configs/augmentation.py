"""Official keys of crop, resize, flip, jitter and rotation -> our augmentation sections.

Where the official code can do what ours cannot, `notes` gains the key and what ours does instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vita.official.configs.keys import KeyStatus

Config = Mapping[str, Any]
Notes = dict[str, KeyStatus]

FLIPS = {"none": 0.0, "horizontal": 0.5, "flip_by_clip": 0.5}
EDGES = ("MIN_SIZE_TRAIN", "MIN_SIZE_TRAIN_SAMPLING", "MAX_SIZE_TRAIN")
JITTER = "INPUT.LSJ_AUG"
PSEUDO = "INPUT.PSEUDO"
# What IFC and Mask2Former-VIS share with detectron2: every image is cropped, first of all, with equal odds everywhere.
DETECTRON2_CROP = {"probability": 1.0, "short_edges": [], "moves": False}
TAKEN = KeyStatus("taken", "")
JITTERED = KeyStatus("not needed", "large-scale jitter takes its place")


def video_augmentation(config: Config, notes: Notes) -> dict[str, Any]:
    """An AugmentationConfig's keys, of the clips of videos (or of images, where a run has nothing else)."""
    flip = _flip(config, notes)
    if config.get(f"{JITTER}.ENABLED"):
        notes |= {f"INPUT.{key}": JITTERED for key in (*EDGES, "CROP.ENABLED", "CROP.TYPE", "CROP.SIZE")}
        jitter = _jitter(config, notes)
        if config["INPUT.SAMPLING_FRAME_NUM"] > 1:
            notes[f"{JITTER}.ENABLED"] = KeyStatus(
                "not supported", "of videos, drawn once for a clip here, not for each frame"
            )
        return {"jitter": jitter, **flip}
    return {"crop": _crop_of_videos(config, notes), **_edges(config, "INPUT", notes), **flip}


def pseudo_augmentation(config: Config, notes: Notes) -> dict[str, Any]:
    """An AugmentationConfig's keys, of pseudo-videos."""
    named = config[f"{PSEUDO}.AUGMENTATIONS"]
    notes[f"{PSEUDO}.AUGMENTATIONS"] = TAKEN
    if other := sorted(set(named) - {"rotation"}):
        notes[f"{PSEUDO}.AUGMENTATIONS"] = KeyStatus("not supported", f"{', '.join(other)}: only rotation is done here")
    both = {"rotation": {} if "rotation" in named else None, **_flip(config, notes)}
    if config[f"{JITTER}.ENABLED"]:
        notes |= {key: JITTERED for key in config if key.startswith(f"{PSEUDO}.") and key not in notes}
        return {"jitter": _jitter(config, notes), **both}
    notes[f"{PSEUDO}.CROP.ENABLED"] = TAKEN
    crop = _crop(config, f"{PSEUDO}.CROP", notes) if config[f"{PSEUDO}.CROP.ENABLED"] else None
    return {"crop": crop, **_edges(config, PSEUDO, notes), **both}


def _crop_of_videos(config: Config, notes: Notes) -> dict[str, Any] | None:
    """VITA's code takes the window of its pseudo-videos for all clips; Mask2Former-VIS' files never crop."""
    if not config["INPUT.CROP.ENABLED"]:
        return None
    if f"{PSEUDO}.CROP.SIZE" in config:
        other = KeyStatus("not needed", f"the official code reads {PSEUDO}.CROP in its place")
        notes |= {"INPUT.CROP.TYPE": other, "INPUT.CROP.SIZE": other}
        return _crop(config, f"{PSEUDO}.CROP", notes)
    crop = _crop(config, "INPUT.CROP", notes)
    if crop and config["INPUT.SAMPLING_FRAME_NUM"] > 1:
        why = "one window for all frames of a clip here, another for each frame there"
        notes["INPUT.CROP.ENABLED"] = KeyStatus("not supported", why)
    return crop and {**crop, **DETECTRON2_CROP}


def _crop(config: Config, place: str, notes: Notes) -> dict[str, Any] | None:
    """A CropConfig's keys; the rest of it stands in the code, VITA's as our defaults have it."""
    kind, (smallest, largest) = config[f"{place}.TYPE"], config[f"{place}.SIZE"]
    notes |= {f"{place}.TYPE": TAKEN, f"{place}.SIZE": TAKEN}
    if kind != "absolute_range":
        notes[f"{place}.TYPE"] = KeyStatus("not supported", "only absolute_range: without it there is no crop here")
        return None
    return {"smallest": smallest, "largest": largest}


def _jitter(config: Config, notes: Notes) -> dict[str, Any]:
    """A JitterConfig's keys."""
    keys = ("ENABLED", "IMAGE_SIZE", "MIN_SCALE", "MAX_SCALE")
    _, size, low, high = (config[f"{JITTER}.{key}"] for key in keys)
    notes |= dict.fromkeys((f"{JITTER}.{key}" for key in keys), TAKEN)
    return {"size": size, "scale": [low, high]}


def _flip(config: Config, notes: Notes) -> dict[str, Any]:
    flip = config["INPUT.RANDOM_FLIP"]
    if flip not in FLIPS:
        notes["INPUT.RANDOM_FLIP"] = KeyStatus("not supported", "only horizontal flips of whole clips, or none")
    if flip == "horizontal" and config["INPUT.SAMPLING_FRAME_NUM"] > 1:
        notes["INPUT.RANDOM_FLIP"] = KeyStatus("not supported", "drawn once for a clip here, not for each frame")
    return {"flip_probability": FLIPS.get(flip, 0.0)}


def _edges(config: Config, place: str, notes: Notes) -> dict[str, Any]:
    """Short edges that may be drawn, and the limit of the longer one."""
    sizes, sampling, longest = (config[f"{place}.{key}"] for key in EDGES)
    notes |= {f"{place}.{key}": TAKEN for key in EDGES}
    if not sampling.endswith("_by_clip") and config["INPUT.SAMPLING_FRAME_NUM"] > 1:
        why = "drawn once for a clip here, not for each frame"
        notes[f"{place}.MIN_SIZE_TRAIN_SAMPLING"] = KeyStatus("not supported", why)
    edges = range(sizes[0], sizes[-1] + 1) if sampling.startswith("range") else sizes
    return {"short_edges": list(edges), "max_edge": longest}
