from __future__ import annotations

from pathlib import Path

import pytest
from tiny_run import configuration, train_here

from vita.core.run_config import RunConfig


@pytest.fixture(scope="session")
def config(videos: Path) -> RunConfig:
    """8 steps, checkpoints after 3 and 6."""
    return configuration(videos)


@pytest.fixture(scope="session")
def finished(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `config`'s run, never interrupted. Read only."""
    return train_here(config, tmp_path_factory.mktemp("finished"))
