"""Spoilt labels are read or refused in one line, and what is read passes the check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from foreign_labels import write_coco, write_cvat, write_frames, write_labelme, write_palette
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import spoilt

from vita.core.contract import UserError
from vita.data.check.check import check
from vita.data.check.expectations import CheckTarget
from vita.data.conversion.source_formats import SourceFormat, read_labelled_videos
from vita.data.conversion.write import write_labelled_videos
from vita.data.dataset import PartFiles

# Faults of the labels themselves, which a conversion keeps: two objects alike, names and numbers that are odd.
OF_THE_LABELS = {"duplicate-object", "nothing-to-learn", "category-name", "frame-repeated"}
SOURCES: dict[SourceFormat, tuple[str, Callable[[Path], None]]] = {
    "coco": ("labels/labels.json", write_coco),
    "cvat": ("labels/clip.xml", write_cvat),
    "labelme": ("labels/clip/9.json", lambda path: write_labelme(path.parents[1])),
    "mots": ("labels/clip/9.png", lambda path: write_palette(path.parents[1], {"cat": 1001, "dog": 2001}, "I;16")),
    "palette": ("labels/clip/9.png", lambda path: write_palette(path.parents[1], {"cat": 1, "dog": 2})),
}
FUZZED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def labels(format: SourceFormat, folder: Path) -> tuple[Path, bytes]:
    """A file to spoil, and what it holds; it and all that belongs to it are written once."""
    name, write = SOURCES[format]
    path, whole = folder / name, folder / "whole"
    if not whole.exists():
        if format in ("coco", "cvat"):
            path.parent.mkdir()
        write(path)
        write_frames(folder / "frames")
        whole.write_bytes(path.read_bytes())
    return path, whole.read_bytes()


def hold(format: SourceFormat, path: Path, folder: Path) -> None:
    """What is written passes the check; else a single line says why nothing is."""
    try:
        content = read_labelled_videos(
            path if format in ("coco", "cvat") else folder / "labels", folder / "frames", format
        )
        annotations = write_labelled_videos(content, folder / "frames", folder / "mine", "train")
    except UserError as error:
        assert "\n" not in str(error)
        return
    target = CheckTarget(PartFiles(annotations, annotations.with_name("JPEGImages")))
    found = check(target, quick=False, workers=1).findings.found
    faults = [one for one in found if one.kind.severity == "error" and one.kind.label not in OF_THE_LABELS]
    assert not faults


@pytest.mark.parametrize("format", ["coco", "labelme"])
@settings(FUZZED, max_examples=60)
@given(choices=st.data())
def test_documents(format: SourceFormat, choices: st.DataObject, tmp_path: Path) -> None:
    path, whole = labels(format, tmp_path)
    path.write_text(json.dumps(choices.draw(spoilt(json.loads(whole)))))
    hold(format, path, tmp_path)


@pytest.mark.parametrize("format", SOURCES)
@settings(FUZZED, max_examples=40)
@given(choices=st.data())
def test_bytes(format: SourceFormat, choices: st.DataObject, tmp_path: Path) -> None:
    path, whole = labels(format, tmp_path)
    first = choices.draw(st.integers(0, len(whole) - 1))
    piece = choices.draw(st.binary(max_size=6) | st.sampled_from([b"-1", b"null", b'"', b"9999999999", b"[]", b"{}"]))
    path.write_bytes(whole[:first] + piece + whole[first + choices.draw(st.integers(0, 6)) :])
    hold(format, path, tmp_path)
