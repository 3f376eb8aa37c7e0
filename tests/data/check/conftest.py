from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checked_data import Data, write_embedded


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Read only."""
    return write_embedded(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def data(clean: Data, tmp_path: Path) -> Data:
    """A copy, to spoil."""
    return Data(Path(shutil.copytree(clean.folder, tmp_path / "train")))
