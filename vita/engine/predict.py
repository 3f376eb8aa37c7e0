"""Predictions of a method on the videos of a split, as YouTube-VIS results files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from vita.core.contract import Track, UserError, Video, VideoMethod, VideoPrediction
from vita.core.json_list import json_list
from vita.core.progress import progress
from vita.core.run_config import PredictConfig
from vita.data.frames import VideoFrames
from vita.data.ytvis import Split
from vita.engine.inference_plan import InferencePlan


@dataclass(frozen=True)
class Predicted:
    """How many frames were predicted, and how many videos that were too long to be kept in memory."""

    frames: int
    streamed_videos: int


def predict_split(
    model: nn.Module, split: Split, plan: InferencePlan, config: PredictConfig
) -> Iterator[tuple[Video, VideoPrediction]]:
    """Every video of the split with its prediction under all variants."""
    method = cast(VideoMethod, model)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for video in split.videos:
            frames = VideoFrames(video, config.short_edge, config.max_edge)
            yield video, plan.predict(method, frames, config.top_k, int(config.keep_gib * 2**30))
    model.train(was_training)


def results_of(video: Video, tracks: list[Track], category_ids: tuple[int, ...]) -> list[dict[str, Any]]:
    """Entries of a results file, labels mapped to the data set's category ids."""
    return [
        {
            "video_id": video.id,
            "category_id": category_ids[track.label],
            "score": track.score,
            "segmentations": track.segmentations,
        }
        for track in tracks
    ]


def write_predictions(
    model: nn.Module, split: Split, plan: InferencePlan, config: PredictConfig, out: Path, detections: Path
) -> Predicted:
    """Write `out/<variant>.json` for every variant and the frame detector's file; all appear together, at the end.

    Raises UserError on an unreadable frame; then nothing is left behind.
    """
    if not split.videos:
        raise UserError("no video to predict: the split is empty")
    frames = streamed = 0
    with ExitStack() as stack, progress(len(split.videos), "predict") as bar:
        files = {name: stack.enter_context(json_list(out / f"{name}.json")) for name in plan.names}
        write_detections = stack.enter_context(json_list(detections))
        for video, prediction in predict_split(model, split, plan, config):
            for name, tracks in prediction.tracks.items():
                _check_scores(video, name, tracks)
                files[name](results_of(video, tracks, split.category_ids))
            write_detections({"video_id": video.id, **vars(found)} for found in prediction.frame_detections)
            frames, streamed = frames + len(video.frame_paths), streamed + prediction.streamed
            bar.update()
    return Predicted(frames, streamed)


def _check_scores(video: Video, variant: str, tracks: list[Track]) -> None:
    if not all(math.isfinite(track.score) for track in tracks):
        raise UserError(
            f"video {video.id} ({video.name}): scores of '{variant}' that are no numbers; the weights are of no use: "
            "train again, or take those of an earlier checkpoint"
        )
