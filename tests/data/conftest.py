from __future__ import annotations

from pathlib import Path

import pytest

from vita.core.dataset_config import ShapesConfig
from vita.data.synthetic.write import synthesise


@pytest.fixture(scope="session")
def shapes_config() -> ShapesConfig:
    return ShapesConfig(seed=3, train_videos=4, valid_videos=2, train_frames=8, valid_frames=12, height=32, width=48)


@pytest.fixture(scope="session")
def shapes_root(tmp_path_factory: pytest.TempPathFactory, shapes_config: ShapesConfig) -> Path:
    """A small embedded data set. Read only: tests that spoil a file copy it first."""
    root = tmp_path_factory.mktemp("shapes")
    synthesise(shapes_config, root)
    return root
