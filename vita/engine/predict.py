"""Predictions of a method on the videos of a split, as YouTube-VIS results files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO, cast

import torch
from torch import nn

from vita.config import PredictConfig
from vita.contract import Track, UserError, Video, VideoMethod, VideoPrediction
from vita.data.frames import VideoFrames
from vita.data.ytvis import Split
from vita.files import atomic_write
from vita.progress import progress


def predict_split(
    model: nn.Module, split: Split, variants: Mapping[str, Any], config: PredictConfig
) -> Iterator[tuple[Video, VideoPrediction]]:
    """Every video of the split with its prediction under all variants."""
    method = cast(VideoMethod, model)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for video in split.videos:
            frames = VideoFrames(video, config.short_edge, config.max_edge)
            yield video, method.predict(frames, variants, config.top_k)
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
    model: nn.Module, split: Split, variants: Mapping[str, Any], config: PredictConfig, out: Path, detections: Path
) -> int:
    """Write `out/<variant>.json` for every variant and the frame detector's file; all appear together, at the end.

    Returns the number of frames seen. Raises UserError on an unreadable frame; then nothing is left behind.
    """
    if not split.videos:
        raise UserError("no video to predict: the split is empty")
    frames = 0
    with ExitStack() as stack, progress(len(split.videos), "predict") as bar:
        files = {name: stack.enter_context(_JsonList(out / f"{name}.json")) for name in variants}
        frame_file = stack.enter_context(_JsonList(detections))
        for video, prediction in predict_split(model, split, variants, config):
            for name, tracks in prediction.tracks.items():
                files[name].extend(results_of(video, tracks, split.category_ids))
            frame_file.extend({"video_id": video.id, **asdict(found)} for found in prediction.frame_detections)
            frames += len(video.frame_paths)
            bar.update()
    return frames


class _JsonList:
    """A JSON list written entry by entry into a file that appears when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path, self._stack = path, ExitStack()
        self._first = True

    def __enter__(self) -> _JsonList:
        temporary = self._stack.enter_context(atomic_write(self._path))
        self._handle: TextIO = self._stack.enter_context(temporary.open("w"))
        self._handle.write("[")
        return self

    def extend(self, entries: Any) -> None:
        for entry in entries:
            self._handle.write("\n" if self._first else ",\n")
            json.dump(entry, self._handle, separators=(",", ":"))
            self._first = False

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._handle.write("\n]\n")
        self._stack.__exit__(*error)
