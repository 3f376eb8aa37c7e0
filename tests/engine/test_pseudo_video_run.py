"""Training with pseudo-videos among the clips: deterministic, resumable, and not the same as without."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_run import content, history_of, train_here, weights_of

from vita.core.config_base import parse
from vita.core.run_config import RunConfig
from vita.engine.train import Trainer

AUGMENTATION = {
    "crop": {"short_edges": [24, 32], "smallest": 16, "largest": 24},
    "short_edges": [24, 32],
    "rotation": {"degrees": 10.0},
}


def configuration(videos: Path, **schedule: object) -> RunConfig:
    raw = content(videos, augmentation={key: AUGMENTATION[key] for key in ("crop", "short_edges")}, **schedule)
    images = {**raw["dataset"], "name": "stills"}
    return parse(
        RunConfig, {**raw, "pseudo_videos": {"dataset": images, "ratio": 1.0, "augmentation": AUGMENTATION}}, "t"
    )


@pytest.fixture(scope="module")
def mixed(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run. Read only."""
    return train_here(configuration(videos), tmp_path_factory.mktemp("mixed"))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_run_ends_in_the_same_bytes(
    workers: int, videos: Path, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, step_of = configuration(videos, workers=workers), Trainer._step

    def stop_at_five(self: Trainer, step: int, clips: list) -> float:
        if step == 5:
            raise KeyboardInterrupt
        return step_of(self, step, clips)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_step", stop_at_five)
        train_here(config, tmp_path)
    train_here(config, tmp_path)
    assert weights_of(tmp_path) == weights_of(mixed)
    assert history_of(tmp_path) == history_of(mixed)


def test_they_change_what_is_learnt(mixed: Path, finished: Path) -> None:
    assert weights_of(mixed) != weights_of(finished)
