"""One part of a data set as annotation files of its own: what other code bases read in the place of ours."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pycocotools import mask as coco_mask

from vita.core.config_base import digest
from vita.core.contract import Rle, UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.files import read_json, sha256, write_json
from vita.core.records import ExportedPart, read_record_if_there, write_record
from vita.data.annotations.contents import COCO, YTVIS, Format
from vita.data.dataset import Part, PartFiles, find_files, read_part
from vita.data.masks.polygons import Polygons, Segmentation
from vita.data.ytvis import Instance, Split

# released_train: all of the release's training videos, also where `train` leaves out those of a local split.
ExportPart = Literal["train", "valid", "released_train", "released_valid"]


def export_part(
    dataset: DatasetConfig, part: ExportPart, folder: Path, mapped_to: DatasetConfig | None = None
) -> ExportedPart:
    """Write the part's annotations to a file in `folder`, and what there is to know of it to a record beside that.

    The file has the format of the data set's own (YouTube-VIS or COCO) and all of its keys, of the part's videos alone.
    Masks of videos are compressed run-length codes, and every mask has its box; so whoever reads it meets one form.
    mapped_to: leave out objects of categories that have no counterpart in this other data set.
    What was written of the same data before stays. Raises UserError when the data set's files are missing or not sound.
    """
    read_as: Part = "train" if part == "released_train" else part
    if part == "released_train":
        dataset = dataset.model_copy(update={"validate_on": "valid", "local_split": None})
    kept = None if mapped_to is None else _mapped_categories(dataset, mapped_to)
    files = find_files(dataset, read_as)
    target = "" if mapped_to is None else f"_to_{mapped_to.name}"
    stem = f"{dataset.name}_{part}{target}_{_identity(dataset, files, kept)}"
    record = folder / f"{stem}.record.json"
    written = read_record_if_there(ExportedPart, record)
    if written is not None and Path(written.annotations).exists():
        return written
    split = read_part(dataset, read_as)
    path = (folder / f"{stem}.json").resolve()
    write_json(path, _document(read_json(files.annotations), split, dataset.format, kept))
    exported = ExportedPart(
        dataset=dataset.name,
        part=part,
        mapped_to=None if mapped_to is None else mapped_to.name,
        format=dataset.format,
        local_split=files.ids is not None,
        annotations=str(path),
        frames=str(files.frames.resolve()),
        videos=len(split.videos),
        categories=dict(zip(split.category_ids, split.category_names, strict=True)),
    )
    write_record(record, exported)
    return exported


def _mapped_categories(dataset: DatasetConfig, target: DatasetConfig) -> frozenset[str]:
    """Names of the categories that have a counterpart. Raises UserError where the target says nothing of the other."""
    if dataset.name not in target.category_map:
        known = ", ".join(target.category_map) or "no data set"
        raise UserError(
            f"data set '{target.name}': its category_map is of {known}; add one of '{dataset.name}', as "
            "workflow/config/datasets/ytvis_2019.yaml has of coco"
        )
    return frozenset(target.category_map[dataset.name])


def _identity(dataset: DatasetConfig, files: PartFiles, kept: frozenset[str] | None) -> str:
    """Twelve hexadecimal digits over all that the files follow from."""
    told = [digest(dataset.without_description()), sha256(files.annotations), str(files.frames.resolve())]
    told += [] if files.ids is None else [sha256(files.ids)]
    told += [] if kept is None else sorted(kept)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def _document(
    whole: dict[str, Any], split: Split, format_name: Literal["ytvis", "coco"], kept: frozenset[str] | None
) -> dict[str, Any]:
    """What the part's file holds, of what the data set's holds."""
    format = COCO if format_name == "coco" else YTVIS
    chosen = {video.id for video in split.videos}
    document = {**whole, format.videos: [entry for entry in whole[format.videos] if entry["id"] in chosen]}
    if "annotations" in whole:
        labels = {n for n, name in enumerate(split.category_names) if kept is None or name in kept}
        read = {one.id: one for instances in split.instances for one in instances if one.label in labels}
        document["annotations"] = [
            _annotation(entry, read[entry["id"]], format) for entry in whole["annotations"] if entry["id"] in read
        ]
    return document


def _annotation(entry: dict[str, Any], instance: Instance, format: Format) -> dict[str, Any]:
    masks: list[Any] = list(instance.segmentations)
    boxes = [_box(mask) for mask in masks]
    if format.single:  # of an image, in the form that it has
        return {**entry, format.boxes: entry.get(format.boxes) or boxes[0] or [0.0] * 4}
    return {**entry, format.segmentations: masks, format.boxes: boxes}


def _box(segmentation: Segmentation) -> list[float] | None:
    """Left, top, width and height in pixels; None without a mask."""
    if segmentation is None:
        return None
    if isinstance(segmentation, Polygons):
        left, top = (min(outline[:, axis].min() for outline in segmentation.outlines) for axis in (0, 1))
        right, bottom = (max(outline[:, axis].max() for outline in segmentation.outlines) for axis in (0, 1))
        return [float(left), float(top), float(right - left), float(bottom - top)]
    return _box_of_code(segmentation)


def _box_of_code(code: Rle) -> list[float]:
    return [float(edge) for edge in coco_mask.toBbox(code)]
