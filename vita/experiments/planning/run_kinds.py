"""Which runs are alike: the time of one tells that of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vita.core.dataset_config import DatasetConfig
from vita.core.run_config import PredictConfig, RunConfig
from vita.data.augment.resize import short_edge_size

Device = Literal["cpu", "gpu"]
STORED_SIZE = (720, 1280)  # height and width of the frames of real data sets, in pixels


@dataclass(frozen=True)
class Kind:
    """What decides how long a run takes, save for how often it does the same: model, sizes and device."""

    tier: str
    method: str
    backbone: str
    variant: str
    device: Device
    clips_per_batch: int
    clip_frames: int
    train_pixels: int  # of a frame in training
    inference_variants: int  # 0 where nothing is predicted
    predict_pixels: int  # of a frame in prediction


def kind_of(config: RunConfig, plan: PredictConfig | None, device: Device) -> Kind:
    """plan: what is predicted with the run's weights, if anything is."""
    height, width = predicted_size(config.dataset, plan) if plan else (0, 0)
    return Kind(
        config.tier,
        config.method,
        config.backbone,
        config.variant,
        device,
        config.train.clips_per_batch,
        config.train.clip_frames,
        training_pixels(config),
        len(plan.variants) if plan else 0,
        height * width,
    )


def training_pixels(config: RunConfig) -> int:
    """Pixels of a training frame, a mean over the short edges that are drawn; crops are left out of account."""
    augmentation, stored = config.train.augmentation, stored_size(config.dataset)
    if augmentation.jitter is not None:
        return augmentation.jitter.size**2
    drawn = [short_edge_size(*stored, edge, augmentation.max_edge) for edge in augmentation.short_edges] or [stored]
    return round(sum(height * width for height, width in drawn) / len(drawn))


def predicted_size(dataset: DatasetConfig, plan: PredictConfig) -> tuple[int, int]:
    """Height and width of a frame that is predicted, in pixels."""
    stored = stored_size(dataset)
    return stored if plan.short_edge is None else short_edge_size(*stored, plan.short_edge, plan.max_edge)


def stored_size(dataset: DatasetConfig) -> tuple[int, int]:
    """Height and width of stored frames, in pixels: of real data sets a common size, not read from their files."""
    return (dataset.shapes.height, dataset.shapes.width) if dataset.shapes else STORED_SIZE
