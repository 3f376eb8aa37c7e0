"""Our geometric transforms held against recordings of the official ones.

Legend: H W pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vita.core.contract import UserError
from vita.data.augment.resize import short_edge_size
from vita.data.augment.transforms import Crop, Flip, Resize, Rotation, Size, Transform, clip_boxes, transform_boxes
from vita.official.conformance.augmentation_draws import draw_checks
from vita.official.conformance.check import EXACT, Tolerance, compare, compare_numbers
from vita.official.conformance.recording import Recording, Tensors, recorded_value
from vita.official.contract import Check

COORDINATES = Tolerance(1e-5, 1e-6)  # pixels; they were recorded in single precision
DRAWS = "clip_augmentation_draws"


def checks(folder: Path) -> Iterator[Check]:
    """Transforms, test-time sizes and the sizes of drawn clips, as far as recorded. Raises UserError when malformed."""
    recording = Recording(folder)
    if recording.has("transforms") or (folder / "transforms.json").is_file():
        facts = recording.facts("transforms")
        if recording.has("transforms"):
            yield from _transform_checks(recording, recorded_value(facts, "parameters", folder / "transforms.json"))
        for key, sizes in facts.items():
            if match := re.fullmatch(r"test_resize_shortest_edge_max(\d+)", key):
                yield _size_check(f"{folder.name}/transforms test sizes", sizes, int(match[1]))
    if (folder / f"{DRAWS}.json").is_file():
        for kind, drawn in recording.facts(DRAWS).items():
            yield from draw_checks(f"{folder.name}/draws {kind}", drawn, folder / f"{DRAWS}.json")
    yield from recording.unread()


def _transform_checks(recording: Recording, parameters: Mapping[str, Any]) -> Iterator[Check]:
    tensors = recording.tensors("transforms")
    for name, transform in _transforms(parameters, _size(tensors["image"]), recording.folder).items():
        yield from _one_transform(f"{recording.folder.name}/transforms {name}", name, transform, tensors)


def _size(picture: Tensor) -> Size:
    return picture.shape[0], picture.shape[1]


def _transforms(parameters: Mapping[str, Any], size: Size, folder: Path) -> dict[str, Transform]:
    """Those whose parameters were recorded, by name; a flip has none. Raises UserError on missing parts."""
    found: dict[str, Transform] = {"hflip": Flip(size[1])}
    if "resize" in parameters:
        found["resize"] = Resize(size, tuple(parameters["resize"]))
    if "crop_x0_y0_w_h" in parameters:
        found["crop"] = Crop(*parameters["crop_x0_y0_w_h"])
    if "rotation" in parameters:
        wanted = ("angle_deg", "center_xy", "expand")
        angle, centre, expand = (
            recorded_value(parameters["rotation"], key, folder / "transforms.json") for key in wanted
        )
        if expand:
            raise UserError(
                f"{folder / 'transforms.json'}: rotation with 'expand'; only one that keeps the size is known"
            )
        found["rotation"] = Rotation(angle, tuple(centre))
    return found


def _one_transform(group: str, name: str, transform: Transform, tensors: Tensors) -> Iterator[Check]:
    """Frame and mask pixel by pixel, and the box around the moved corners, cut at the frame's border."""
    if f"{name}.image" in tensors:
        frame = transform.frame(tensors["image"].numpy())
        yield compare(f"{group} image", [(_tensor(frame), tensors[f"{name}.image"])], EXACT)
    if f"{name}.mask" in tensors:
        mask = transform.mask(tensors["mask"].numpy().astype(bool))
        yield compare(f"{group} mask", [(_tensor(mask), tensors[f"{name}.mask"].bool())], EXACT)
    if f"{name}.box_after_transform_clip" in tensors:
        boxes = transform_boxes(transform, tensors["box_xyxy"].double().numpy())
        boxes = clip_boxes(boxes, _size(_tensor(transform.frame(tensors["image"].numpy()))))
        yield compare(f"{group} box", [(_tensor(boxes), tensors[f"{name}.box_after_transform_clip"])], COORDINATES)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.copy())  # flips are views that run backwards, decoded pictures read-only


def _size_check(group: str, sizes: Mapping[str, list[int]], max_edge: int) -> Check:
    """Keys are "<short edge>:<height>x<width>"."""
    ours: list[int] = []
    for key in sizes:
        match = re.fullmatch(r"(\d+):(\d+)x(\d+)", key)
        if match is None:
            raise UserError(f"{group}: '{key}' is not of the form <short edge>:<height>x<width>")
        ours += short_edge_size(int(match[2]), int(match[3]), int(match[1]), max_edge)
    return compare_numbers(group, ours, [edge for size in sizes.values() for edge in size], EXACT)
