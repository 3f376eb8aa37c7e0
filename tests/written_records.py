"""Records as commands write them, complete, by hand: a test states what it is about."""

from __future__ import annotations

from typing import Any

RUN = {
    "config_digest": "c" * 12,
    "status": "finished",
    "error": None,
    "seed": 0,
    "source_digest": "aaa",
    "versions": {"torch": "2.13.0"},
    "python": "3.11.7",
    "machine": "Linux x86_64, 2 CPUs",
    "device": "cpu",
    "processes": 1,
    "threads": 1,
    "device_settings": {"deterministic": True, "tf32": False, "cudnn_benchmark": False, "channels_last": False},
    "peak_host_memory_bytes": 0,
    "peak_device_memory_bytes": 0,
    "started_at": "2026-01-02T03:04:05+00:00",
    "ended_at": "2026-01-02T04:05:06+00:00",
    "weights_sha256": "f" * 64,
    "files_sha256": {},
}


def training_record(config: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """`record.json` of a finished training."""
    own = {
        "task": "train",
        "weights_from": "trained",
        "data_digest": "d" * 12,
        "iterations": 4,
        "resumed_at": [],
        "train_time_s": 1.0,
    }
    return {**RUN, **own, "started_from": None, "origin": None, "config": config, **changes}


def prediction_record(plan: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """`predict_record.json` of finished predictions."""
    own = {"task": "predict", "part": "valid", "frames": 10, "streamed_videos": 0, "predict_time_s": 1.0}
    return {**RUN, **own, "taken_over": [], "config": plan, **changes}


def metrics_record(
    scores: dict[str, float | None], counts: dict[str, Any] | None = None, videos: int = 1
) -> dict[str, Any]:
    """`metrics/<inference>.json`."""
    counted = counts or {"video_ids": [], "category_ids": [], "groups": []}
    return {"scores": scores, "per_category": [], "num_videos": videos, "counts": counted}
