"""Files of official checkpoints: .pth, .pkl and .safetensors, read without running anything that they ask for."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from vita.core.contract import UserError
from vita.core.files import atomic_write
from vita.official.checkpoints.bounded_file import check_archive, check_pickles
from vita.official.checkpoints.safe_pickle import RefusedError, SafeUnpickler, for_torch
from vita.official.checkpoints.tuple_sizes import ExcessiveError
from vita.official.checkpoints.wrappers import weights_in

ZIP = b"PK\x03\x04"  # torch.save
TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before its files were zip archives
LEGACY_PICKLES = 5  # magic number, version, system, content, keys of storages; then come their numbers


def read_official(path: Path, pick: str | None = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint by official key, without what is wrapped around them.

    pick: which weights, where the file holds several. Raises UserError when the file is missing, damaged, not a
    checkpoint, or asks for anything but arrays and tensors, or when the choice is open.
    """
    return weights_in(read_content(path), str(path), pick)


def write_official(state: Mapping[str, Tensor], path: Path) -> None:
    """A .pth file that detectron2 reads: {"model": {key: tensor}}. Raises UserError when the disk is full."""
    with atomic_write(path) as temporary, temporary.open("wb") as handle:
        try:
            torch.save({"model": dict(state)}, handle)
        except RuntimeError as error:  # torch reports a failed write as one of its own
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def read_content(path: Path) -> Any:
    """All that a checkpoint holds, as dicts, lists, numbers, tensors and stored arrays. Raises as `read_official`."""
    try:
        return _load(path)
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: no such checkpoint file") from None
    except ExcessiveError as excess:
        raise UserError(f"{path}: refused unread: it asks for more memory or time than it needs ({excess})") from None
    except RefusedError as refused:
        raise _refusal(path, str(refused)) from None
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))  # what torch's own reader of safe pickles says
        if named:
            name = named[1] if "." in named[1] else f"builtins.{named[1]}"
            raise _refusal(path, name) from None
        raise _damaged(path) from None
    except Exception:  # what damaged bytes raise depends on where the damage is
        raise _damaged(path) from None


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    with path.open("rb") as handle:
        start = handle.read(len(TORCH_LEGACY))
        handle.seek(0)
        if start.startswith(ZIP):
            check_archive(handle)
        else:
            check_pickles(handle, LEGACY_PICKLES if start == TORCH_LEGACY else 1)
        if start.startswith(ZIP) or start == TORCH_LEGACY:
            with torch.serialization.safe_globals(for_torch()):
                return torch.load(handle, map_location="cpu", weights_only=True)
        return SafeUnpickler(handle).load()


def _refusal(path: Path, name: str) -> UserError:
    return UserError(
        f"{path}: refused, nothing in it was executed: it names {name}, and a checkpoint needs arrays and tensors "
        "alone; save its state dict as .safetensors with the program that wrote it"
    )


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path}: not a readable checkpoint; it may be truncated, or no .pth, .pkl or .safetensors file; fetch it again"
    )
