from __future__ import annotations

from pathlib import Path

import pytest
import torch
from own_videos import write_video
from tiny_run import configuration

from vita.core.plugins import find_method
from vita.core.run_config import RunConfig
from vita.engine.checkpoint import save_weights


@pytest.fixture(scope="session")
def config(videos: Path) -> RunConfig:
    """Of the tiny run that all tests share."""
    return configuration(videos)


@pytest.fixture(scope="session")
def weights(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained, of the three classes of the embedded data."""
    torch.manual_seed(0)
    model = find_method("vita").build(config.options, 3)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_weights(model.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames of 64 x 96 pixels, 25 a second."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", frames=40, height=64, width=96)
