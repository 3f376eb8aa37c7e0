"""Typed, frozen configuration of training and prediction."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from vita.core.config_base import Frozen
from vita.core.contract import KEEP_BYTES
from vita.core.dataset_config import DatasetConfig, WithVariables
from vita.core.names import Name


class CropConfig(Frozen):
    """A window that is cut out of every frame of a clip, after a resize of its own. Lengths in pixels.

    Defaults are VITA's. Without `short_edges` it is cut out of the frame as it is stored.
    """

    probability: float = Field(0.5, ge=0.0, le=1.0)
    short_edges: tuple[PositiveInt, ...] = (400, 500, 600)
    max_edge: PositiveInt = 1333
    smallest: PositiveInt = 384  # edges of the window, where the frame is that large
    largest: PositiveInt = 600
    # Through the clip; otherwise it stands still, everywhere as likely. Left out of files where it moves.
    moves: bool = Field(True, exclude_if=lambda moves: moves)

    @model_validator(mode="after")
    def _ascend(self) -> CropConfig:
        if self.smallest > self.largest:
            raise ValueError(f"smallest ({self.smallest}) must not be above largest ({self.largest})")
        return self


class RotationConfig(Frozen):
    """A turn about one centre, its angle changing in one direction through the clip."""

    degrees: float = Field(15.0, ge=0.0, le=180.0)  # at most, either way
    centre: tuple[float, float] = (0.4, 0.6)  # range, as shares of width and height

    @field_validator("centre")
    @classmethod
    def _inside(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1] <= 1:
            raise ValueError("must be two shares in 0..1, the smaller first")
        return value


class JitterConfig(Frozen):
    """Large-scale jitter: resized by a random factor, then cropped or padded to a square of `size` pixels."""

    size: PositiveInt = 1024
    scale: tuple[PositiveFloat, PositiveFloat] = (0.1, 2.0)  # of the largest size that fits into the square

    @field_validator("scale")
    @classmethod
    def _ascend(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("must be two factors, the smaller first")
        return value


class AugmentationConfig(Frozen):
    """Drawn once per clip: crop, resize, flip, rotation; or jitter in the place of crop and resize.

    What is left out is not done; without `short_edges` the stored size is kept.
    """

    crop: CropConfig | None = None
    short_edges: tuple[PositiveInt, ...] = ()  # pixels
    max_edge: PositiveInt = 1333
    jitter: JitterConfig | None = None
    flip_probability: float = Field(0.5, ge=0.0, le=1.0)
    rotation: RotationConfig | None = None

    @model_validator(mode="after")
    def _jitter_alone(self) -> AugmentationConfig:
        if self.jitter is not None and (self.crop is not None or self.short_edges):
            raise ValueError("jitter takes the place of crop and short_edges; leave those out, or jitter")
        return self


class PseudoVideoConfig(Frozen):
    """Clips made of single images, mixed into training: one image in the place of every frame."""

    dataset: DatasetConfig
    ratio: float = Field(gt=0)  # clips of pseudo-videos for one clip of a video
    augmentation: AugmentationConfig = AugmentationConfig()


class CardConfig(Frozen):
    """How a card computes. A CPU always computes by deterministic kernels; nothing else of this means anything there.

    deterministic: PyTorch's kernels that sum in a fixed order, where it has them; resizes of maps take several times
    as long, and bytes may differ between runs all the same. tf32: products and convolutions of 32-bit numbers with ten
    bits of their mantissas. cudnn_benchmark: cuDNN tries its kernels on every new size and takes the fastest, which may
    be another one in the next run. channels_last: the channels of a position lie side by side in maps and kernels.
    """

    deterministic: bool = False
    tf32: bool = False
    cudnn_benchmark: bool = False
    channels_last: bool = False


def is_default(card: CardConfig) -> bool:
    """Whether a file need not say how a card computes."""
    return card == CardConfig()


class TrainConfig(Frozen):
    """One training run: schedule, sampling, and everything that changes its last bits."""

    iterations: PositiveInt
    clips_per_batch: PositiveInt  # of one optimiser step, over all processes and passes
    # Through the network at once, in each process, where memory bounds them; None: all of the process's share. Left out
    # of files where it is not given, as the next one.
    clips_per_pass: PositiveInt | None = Field(None, exclude_if=lambda clips: clips is None)
    activation_checkpointing: bool = Field(False, exclude_if=lambda on: not on)  # less memory, a third more work
    clip_frames: PositiveInt
    frame_range: PositiveInt  # the other frames lie within this distance of the reference frame
    learning_rate: float = Field(gt=0)
    backbone_multiplier: NonNegativeFloat = 0.1
    weight_decay: NonNegativeFloat = 0.05
    decay_everything: bool = False  # norms, embeddings and position tables too
    warmup_iterations: NonNegativeInt = 0
    decay_at: tuple[PositiveInt, ...] = ()
    decay_factor: float = Field(0.1, gt=0, le=1)
    gradient_clip_norm: float = Field(0.01, gt=0)
    precision: Literal["no", "bf16", "fp16"] = "no"
    card: CardConfig = Field(CardConfig(), exclude_if=is_default)
    threads: PositiveInt = 1
    workers: NonNegativeInt = 0
    checkpoint_every: PositiveInt = 200  # steps
    # And minutes; it changes no result. Left out of files where it is not set.
    checkpoint_minutes: PositiveFloat = Field(15.0, exclude_if=lambda minutes: minutes == 15.0)
    validate_every: PositiveInt | None = None
    # Steps beside those of `validate_every`. Left out of files where there are none.
    validate_at: tuple[PositiveInt, ...] = Field((), exclude_if=lambda steps: not steps)
    validate_videos: PositiveInt = 8
    validate_short_edge: PositiveInt | None = None  # pixels, as `short_edge` of prediction; None keeps the stored size
    validate_max_edge: PositiveInt = 1333
    augmentation: AugmentationConfig = AugmentationConfig()

    @field_validator("decay_at")
    @classmethod
    def _decays_while_training(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        iterations = info.data.get("iterations")
        if iterations is not None and any(step >= iterations for step in value):
            raise ValueError(f"must be below iterations, which is {iterations}")
        return value

    @property
    def validates(self) -> bool:
        """Whether the model is scored on validation videos while it trains."""
        return self.validate_every is not None or bool(self.validate_at)

    def validates_after(self, step: int) -> bool:
        """Whether it is scored after this many steps: after the last in any case."""
        in_turn = self.validate_every is not None and step % self.validate_every == 0
        return self.validates and (in_turn or step in self.validate_at or step == self.iterations)


Holds = Literal["backbone", "image", "video"]


class WeightsFile(Frozen):
    """A file of somebody else's weights.

    holds: a backbone alone, which a training starts from; or a model of images or videos, in the place of a training.
    pick: which weights, of a file that holds several.
    """

    file: WithVariables
    holds: Holds
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")  # checked when given
    pick: str | None = None


class RunConfig(Frozen):
    """One training run, complete: what `vita train` reads; or the weights of others in its place."""

    tier: Name
    dataset: DatasetConfig
    method: Name
    backbone: Name
    variant: Name
    seed: NonNegativeInt
    options: dict[str, Any]  # of the method; it reads them itself
    train: TrainConfig
    pseudo_videos: PseudoVideoConfig | None = None
    start_from: str | None = None  # weights of another run, or a safetensors file
    # Left out where there is none, so that configurations from before stay the same bytes.
    weights: WeightsFile | None = Field(None, exclude_if=lambda weights: weights is None)
    validation: dict[str, Any] = Field({})  # the method's inference options for validation during training

    @property
    def is_trained(self) -> bool:
        """Whether the weights are made here, perhaps on a backbone of others; else they are a file of others."""
        return self.weights is None or self.weights.holds == "backbone"


class PredictConfig(Frozen):
    """All inference variants asked of one run's weights: what `vita predict` reads beside the run's config."""

    variants: dict[Name, dict[str, Any]] = Field(min_length=1)
    top_k: PositiveInt = 10
    short_edge: PositiveInt | None = None  # pixels; None keeps the stored size
    max_edge: PositiveInt = 1333
    keep_gib: NonNegativeFloat = (
        KEEP_BYTES / 2**30
    )  # of a video's mask features in host memory; longer ones are streamed
    threads: PositiveInt = 1
    card: CardConfig = Field(CardConfig(), exclude_if=is_default)
