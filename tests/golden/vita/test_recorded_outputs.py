"""Evaluation mode: our model with the official weights gives the outputs recorded from the official code."""

import pytest
import torch
from golden_recordings import check_detector, check_inference, check_short, check_window, read
from torch.testing import assert_close

from vita.detector import normalise_and_pad
from vita.model import Vita

SHORT = [(1, 6), (4, 6), (4, 3), (6, 6), (6, 4), (5, 4), (5, 1)]


@pytest.mark.parametrize("case", "AB")  # B needs padding
def test_frame_detector(model: Vita, case: str) -> None:
    check_detector(model, case)


@pytest.mark.parametrize("case", "AB")
@pytest.mark.parametrize("window", [3, 6, 0])
def test_object_encoder_and_decoder(model: Vita, case: str, window: int) -> None:
    check_window(model, case, window)


@pytest.mark.parametrize(("frames", "window"), SHORT)
def test_short_videos(model: Vita, frames: int, window: int) -> None:
    check_short(model, frames, window)


def test_all_recorded_short_videos_are_tested() -> None:
    names = {key.partition(".")[0] for key in read("eval_A_vita_short")} - {"frame_queries"}
    assert names == {f"T{frames}_window{window}" for frames, window in SHORT}


@pytest.mark.parametrize("case", "AB")
def test_whole_inference(model: Vita, case: str) -> None:
    check_inference(model, case)


@torch.no_grad()
def test_frame_queries_of_the_video_level_are_the_detectors_last(model: Vita) -> None:
    recorded = read("eval_B")
    output = model.detector(normalise_and_pad([recorded["frames_uint8"]]))
    assert_close(output.queries[-1], recorded["frame_queries"][0], atol=3e-4, rtol=1e-4)
