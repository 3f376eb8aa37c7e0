"""What a run says when there is not enough memory for it: one line, with the keys to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vita.core.contract import UserError
from vita.core.run_config import PredictConfig, TrainConfig
from vita.engine.out_of_memory import is_out_of_memory


class OutOfMemoryError(UserError):
    """There was not enough memory, on the host or on a card."""


@contextmanager
def memory_explained(doing: str, advice: str) -> Iterator[None]:
    """Any error inside that says that there was no memory left is raised as OutOfMemoryError, with what to change."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise OutOfMemoryError(f"{doing}: not enough memory ({said.partition('. ')[0]}); {advice}") from None


def training_advice(config: TrainConfig) -> str:
    """What makes a training smaller, by its keys and their present values."""
    edges = config.augmentation.short_edges
    jitter = config.augmentation.jitter
    size = f"train.augmentation.short_edges (up to {max(edges)} pixels)" if edges else "train.augmentation.short_edges"
    if jitter:
        size = f"train.augmentation.jitter.size ({jitter.size} pixels)"
    at_once = config.clips_per_pass or config.clips_per_batch
    recompute = "" if config.activation_checkpointing else ", or set train.activation_checkpointing to true"
    precision = ", or set train.precision to bf16" if config.precision == "no" else ""
    return (
        f"lower train.clips_per_pass ({at_once} at once in a process; the objective stays), or take more processes"
        f"{recompute}{precision}; or lower train.clips_per_batch ({config.clips_per_batch} clips of "
        f"{config.clip_frames} frames), or {size}"
    )


def prediction_advice(config: PredictConfig) -> str:
    """What makes a prediction smaller, by its keys and their present values."""
    edge = "the stored size" if config.short_edge is None else f"{config.short_edge} pixels"
    return (
        f"lower predict.short_edge ({edge}) or predict.keep_gib ({config.keep_gib:g} GiB of features in memory), or "
        "predict long videos in clips (an inference variant with `through`, and fewer clip_frames)"
    )
