"""A tiny training run on embedded videos, for tests of training, prediction and the command line."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from vita.blocks.cpu_form import adopt_cpu_form
from vita.cli import main as cli
from vita.core.config_base import dump, parse
from vita.core.dataset_config import ShapesConfig
from vita.core.run_config import PredictConfig, RunConfig
from vita.data.synthetic.write import synthesise
from vita.engine.train import Trainer, train
from vita.engine.watching.watching import UNWATCHED, Watch

OPTIONS: dict[str, Any] = {
    "detector": {
        "backbone": {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4},
        "channels": 32,
        "heads": 2,
        "feedforward": 16,
        "queries": 5,
        "pixel_layers": 1,
        "pixel_feedforward": 16,
        "decoder_layers": 1,
        "norm": "trained",
    },
    "heads": 2,
    "feedforward": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "video_queries": 5,
    "fed_layers": 1,
    "frame_points": 16,
    "video_points": 16,
}
SCHEDULE: dict[str, Any] = {
    "iterations": 8,
    "clips_per_batch": 2,
    "clip_frames": 2,
    "frame_range": 3,
    "learning_rate": 1e-3,
    "gradient_clip_norm": 1.0,
    "warmup_iterations": 2,
    "decay_at": [6],
    "checkpoint_every": 3,
}
PROGRESS = r": \d+ of \d+ \[.* left, | \.\.\.$"  # lines of progress where no bar can be drawn, and first words
PLAN = {"variants": {"intact": {}, "half": {"prune_ratio": 0.5}}, "top_k": 4}


def write_videos(root: Path) -> None:
    """Three videos to train on and two to validate on, of 6 frames of 32 x 48 pixels."""
    frames = {"train_frames": 6, "valid_frames": 6, "height": 32, "width": 48}
    synthesise(ShapesConfig(seed=3, train_videos=3, valid_videos=2, max_objects=3, **frames), root)


def content(root: Path, **schedule: Any) -> dict[str, Any]:
    """A run's configuration file; `schedule` changes keys of its section `train`."""
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    return {
        "tier": "test",
        "dataset": {"name": "shapes", "root": str(root), **splits},
        "method": "vita",
        "backbone": "tiny",
        "variant": "base",
        "seed": 0,
        "options": OPTIONS,
        "train": {**SCHEDULE, **schedule},
    }


def configuration(root: Path, **schedule: Any) -> RunConfig:
    """The same, read."""
    return parse(RunConfig, content(root, **schedule), "test")


def plan() -> PredictConfig:
    """Two inference variants."""
    return parse(PredictConfig, PLAN, "test")


def train_here(
    config: RunConfig,
    folder: Path,
    weights: Path | None = None,
    every: int = 2,
    watch: Watch = UNWATCHED,
    max_steps: int | None = None,
) -> Path:
    """Train in this process, with a row of history every 2 steps, so that checkpoints fall inside a row."""
    with patch("vita.engine.train.steps_of_row", lambda iterations: every):
        train(config, folder, weights, adopt_cpu_form, watch, max_steps)
    return folder


class EndedError(Exception):
    """Stands for whatever ends a training half-way."""


@contextmanager
def ending_before(step: int) -> Iterator[None]:
    """Inside, a training ends before this step, from 0; the checkpoint is the last that its schedule asked for."""
    step_of = Trainer._step

    def take(self: Trainer, number: int, clips: Any) -> float:
        if number == step:
            raise EndedError
        return step_of(self, number, clips)

    with patch.object(Trainer, "_step", take), pytest.raises(EndedError):
        yield


def weights_of(folder: Path) -> bytes:
    """The bytes of a run's weights."""
    return (folder / "model.safetensors").read_bytes()


def history_of(folder: Path) -> list[dict[str, str]]:
    """The rows of history.csv, without the column that a clock fills."""
    with (folder / "history.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def write_configuration(folder: Path, config: RunConfig | dict[str, Any]) -> Path:
    """The run's config.yaml."""
    path = folder / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(config) if isinstance(config, RunConfig) else yaml.safe_dump(config))
    return path


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    errors: str

    @property
    def message(self) -> str:
        """The one line of a user error; fails when there is any other sign of trouble."""
        lines = told_besides_progress(self.errors)
        assert self.code == 2, (self.code, self.errors)
        assert len(lines) == 1 and lines[0].startswith("error: "), self.errors
        return lines[0].removeprefix("error: ")


def told_besides_progress(errors: str) -> list[str]:
    """Lines of standard error that are no progress: whether a first word comes is a matter of a machine's speed."""
    return [line for line in errors.splitlines() if not re.search(PROGRESS, line)]


def vita(*arguments: object) -> Ended:
    """Run the command in this process. First words are for who waits: on a busy machine they come, on others not."""
    out, errors = StringIO(), StringIO()
    given: Sequence[str] = ["vita", *(str(argument) for argument in arguments)]
    code = 0
    streams = redirect_stdout(out), redirect_stderr(errors)
    with patch.object(sys, "argv", given), patch("vita.core.progress.Timer"), streams[0], streams[1]:
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return Ended(code, out.getvalue(), errors.getvalue())


EVENTS = "events/events.out.tfevents.0000000000"  # what a training tells TensorBoard


def files_in(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
