"""The list of video ids that divides `train` into a part to learn from and a part to be scored on."""

from __future__ import annotations

from pathlib import Path

from vita.config_file import Frozen, parse
from vita.files import read_json


class LocalSplit(Frozen):
    """The content of the file, small enough to share and to cite."""

    dataset: str
    seed: int
    valid_share: float
    annotations_sha256: str  # of the annotation file whose videos are listed
    train: tuple[int, ...]
    valid: tuple[int, ...]

    def videos(self, part: str) -> frozenset[int]:
        """Ids of the part `train` or `valid`."""
        return frozenset(self.train if part == "train" else self.valid)


def read_local_split(path: Path) -> LocalSplit:
    """Raises UserError when the file is missing or not what `vita data split` writes."""
    return parse(LocalSplit, read_json(path), str(path))
