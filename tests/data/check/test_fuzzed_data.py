"""Spoilt files end in an error message, in findings or in the right answer: never in a crash, never in a hang."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from checked_data import Data, write_images
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import EXTREMES, damaged, spoilt
from PIL import Image

from vita.core.contract import UserError
from vita.data.coco import read_coco
from vita.data.masks import rle
from vita.data.masks.polygons import code_of
from vita.data.value_limits import LARGEST_FRAME
from vita.data.ytvis import Split, read_split, read_video_frame

Reader = Callable[[Path, Path], Split]
FUZZED = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Each test has a minute, of which it needs seconds."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def hold(data: Data, reader: Reader) -> None:
    """The reader gives masks of the frames' size or a UserError; data without an error in the check can be read."""
    try:
        split = reader(data.annotations, data.frames)
    except UserError as error:
        split, message = None, str(error)
        assert message.isprintable() or "\n" in message
    else:
        hold_masks(split)
    try:
        errors = data.check(quick=True).findings.count("error")
    except UserError:
        errors = 1
    assert split is not None or errors, message


def hold_masks(split: Split) -> None:
    for video, instances in zip(split.videos, split.instances, strict=True):
        for instance in instances:
            for segmentation in instance.segmentations:
                code = code_of(segmentation, (video.height, video.width))
                assert (
                    code is None
                    or 0 <= rle.decode([code], video.height, video.width).sum() <= video.height * video.width
                )


@pytest.fixture(params=[read_split, read_coco], ids=["videos", "images"])
def case(request: pytest.FixtureRequest, data: Data, tmp_path: Path) -> tuple[Data, Reader, Any]:
    """Files to spoil, their reader, and the sound document."""
    files = data if request.param is read_split else write_images(tmp_path / "coco")
    return files, request.param, files.read()


@FUZZED
@given(choices=st.data())
def test_documents(case: tuple[Data, Reader, Any], choices: st.DataObject) -> None:
    data, reader, document = case
    data.write(choices.draw(spoilt(document)))
    hold(data, reader)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_of_documents(case: tuple[Data, Reader, Any], seed: int) -> None:
    data, reader, _ = case
    rng, whole = random.Random(seed), data.annotations.read_bytes()
    for _ in range(60):
        data.annotations.write_bytes(damaged(whole, rng))
        hold(data, reader)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"videos":' * 50_000,
        b'{"videos": [' + b"9" * 5000 + b'], "categories": []}',
        b"",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"\x00" * 1000,
        b'{"videos": [], "categories": [], "annotations": 1e999}',
        b'"videos categories"',
        b"NaN",
    ],
    ids=lambda content: content[:12],
)
def test_files_that_are_no_documents(data: Data, content: bytes) -> None:
    data.annotations.write_bytes(content)
    with pytest.raises(UserError, match=r"instances\.json: "):
        read_split(data.annotations, data.frames)
    with pytest.raises(UserError, match=r"instances\.json: "):
        data.check()


def test_damaged_bytes_of_frames(data: Data) -> None:
    """Either the picture of the right size, or a message; the check agrees about which."""
    split, rng = read_split(data.annotations, data.frames), random.Random(0)
    path = split.videos[0].frame_paths[0]
    with Image.open(path) as picture:
        wholes = [path.read_bytes(), *(_encoded(picture, kind) for kind in ("PNG", "GIF", "BMP", "WEBP", "TIFF"))]
    refused = 0
    for whole in wholes * 20:
        path.write_bytes(damaged(whole, rng))
        report = data.check()
        try:
            assert read_video_frame(split.videos[0], 0).shape == (32, 48, 3)
            assert not report.findings.found
        except UserError:
            assert {finding.where for finding in report.findings.found} == {"video 1 (video_00000), frame 0"}
            refused += 1
    assert 10 < refused < 110


def _encoded(picture: Image.Image, kind: str) -> bytes:
    picture.save(stream := BytesIO(), kind)
    return stream.getvalue()


JSON_VALUES = st.recursive(
    st.sampled_from(EXTREMES) | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["size", "counts"]), inner),
    max_leaves=12,
)
COUNTS = st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=12) | st.lists(
    st.integers(-3, 20), max_size=6
)
CODES = st.fixed_dictionaries({"size": st.just([3, 4]), "counts": COUNTS})
NEAR = st.floats(-9, 14) | st.integers(-4, 8)
POLYGONS = st.lists(st.lists(NEAR, min_size=4, max_size=12), max_size=3)


@settings(max_examples=500, deadline=None)
@given(JSON_VALUES | CODES | POLYGONS)
def test_masks(segmentation: Any) -> None:
    try:
        code = rle.normalise(segmentation, 3, 4)
    except ValueError as error:
        assert 0 < len(str(error)) < 200
    else:
        mask = rle.decode([code], 3, 4)
        assert rle.decode(rle.encode(mask), 3, 4).tolist() == mask.tolist()
        if isinstance(segmentation, dict) and isinstance(segmentation["counts"], list):
            runs = segmentation["counts"]
            expected = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(4, 3).T  # column by column
            assert mask[0].tolist() == expected.tolist()


EDGE = st.sampled_from([0, 1, 2**24 - 1, 2**24, 2**24 + 1, 2 * 2**24, 2 * 2**24 + 1]) | st.integers(0, 50_000_000)


@given(st.tuples(EDGE, EDGE, EDGE))
def test_no_frame_has_codes_that_pycocotools_writes_beyond_their_memory(edges: tuple[int, int, int]) -> None:
    """It takes six bytes a run and writes one more where every run fills them. What malloc gives beyond hides that for
    less than four runs. Numbers of 2^24 and more take six characters, below 0 those under -2^24; the fourth run is
    written less the second.
    """
    least = 2**24 + (2**24 + 1) + 2**24 + 0  # the last is written as -2^24 - 1
    assert least > LARGEST_FRAME
    height, width = 5000, LARGEST_FRAME // 5000
    runs = np.diff([0, *sorted(edges), height * width]).tolist()
    code = rle.normalise({"size": [height, width], "counts": runs}, height, width)
    assert len(code["counts"]) < 6 * len(runs)
    assert rle.run_lengths(code["counts"]).tolist() == runs


def test_absurd_sizes_take_no_memory(data: Data) -> None:
    """Each of these would be gigabytes, if it were believed."""
    sound = data.read()
    for changes in (
        {"height": 10**9},
        {"height": 10**9, "width": 10**9},
        {"length": 10**9},
        {"width": 50_000, "height": 50_000},
        {"width": 10_000, "height": 6_000},
    ):
        document = {**sound, "videos": [{**video, **changes} for video in sound["videos"]]}
        data.write(document)
        with pytest.raises(UserError, match="video 1"):
            read_split(data.annotations, data.frames)
        assert data.check(quick=True).findings.count("error") > 0
    outline = [[float(x), float(y)] for _ in range(3000) for x, y in ((-4096, -4096), (8000, 8000))]
    with pytest.raises(ValueError, match="longer than"):
        rle.normalise([[side for corner in outline for side in corner]], 4096, 4096)
    # A thousand outlines of 400 corners, each of 2.4 million pixels, in a file of a megabyte: minutes, one by one.
    each = [0, 0, 12_000, 0] * 100 + [0, 5, 5, 5]
    with pytest.raises(ValueError, match="longer than"):
        rle.normalise([each] * 1000, 10, 12_000)
