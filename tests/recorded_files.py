"""Files of a recording that a test makes itself."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def save(folder: Path, stem: str, tensors: dict[str, Tensor]) -> None:
    """As the official code's outputs were stored: flags as bytes."""
    own = {key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}
    save_file(
        {k: t.to(torch.uint8) if t.dtype == torch.bool else t for k, t in own.items()}, folder / f"{stem}.safetensors"
    )


def copy(own: Path, folder: Path, changes: dict[str, dict[str, Tensor]]) -> None:
    """A recording with other tensors in the files that `changes` names by their stems."""
    for path in own.iterdir():
        if path.stem in changes and path.suffix == ".safetensors":
            save_file({**load_file(path), **changes[path.stem]}, folder / path.name)
        else:
            (folder / path.name).write_bytes(path.read_bytes())
