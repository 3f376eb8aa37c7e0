"""The weights inside a checkpoint's content, whatever is wrapped around them.

Programs put their weights under a key (`model`, `state_dict`) or put a prefix before every name (`module.`, `model.`).
Where one file holds several weights, such as a moving average beside the last step's, somebody has to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vita.core.contract import UserError
from vita.official.checkpoints.safe_pickle import StoredArray

AUTHOR = "__author__"
METADATA = (AUTHOR, "matching_heuristics")  # beside the tensors of a pickle from detectron2's model zoo
NO_CHOICE = ("module", "_orig_mod")  # DistributedDataParallel, torch.compile: the same weights one level down
# Names of wrappers of parts, anywhere in a key: torch.compile, FSDP, activation checkpointing, Lightning and DeepSpeed.
OF_PARTS = {"_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module"}
PREFIXES = (*NO_CHOICE, "model", "ema", "ema_model", "model_ema", "student", "teacher")
COUNTS = ("n_averaged", "num_updates", "decay")  # numbers that moving averages keep beside their weights
OPTIMIZER = "optim"  # how the names of optimizers' states begin
DEPTH = 4  # mappings inside each other; a pickle can make one that holds itself
Path = tuple[str, ...]


def weights_in(content: Any, where: str, pick: str | None = None) -> dict[str, Tensor]:
    """Tensors by name. pick: which weights, where there are several; None where there is no choice.

    Raises UserError when there are none, when there are several and no choice, or when no weights are called `pick`.
    """
    found = {
        ".".join(part for part in path if part not in NO_CHOICE): state
        for outer, mapping in _mappings(content)
        for path, state in _under_prefixes(outer, mapping)
    }
    if pick is not None and pick not in found:
        names = ", ".join(sorted(filter(None, found))) or "none, leave --pick out"
        raise UserError(f"{where}: no weights are called '{pick}' there; names to choose from: {names}")
    if pick is None and len(found) > 1:
        names = ", ".join(sorted(found))
        raise UserError(f"{where}: holds several weights ({names}); choose one with --pick")
    if not found:
        inner = content.get("model", content) if isinstance(content, dict) else content
        return _state_dict(inner, where)  # which is none, and this says why
    return _state_dict(found[pick] if pick is not None else next(iter(found.values())), where)


def author_of(content: Any) -> str | None:
    """Who made a pickle of detectron2's model zoo, as it says itself."""
    author = content.get(AUTHOR) if isinstance(content, dict) else None
    return author if isinstance(author, str) else None


def _mappings(node: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The innermost mappings that hold tensors by name, optimizers' states left out."""
    if not isinstance(node, Mapping) or not all(isinstance(key, str) for key in node) or len(path) > DEPTH:
        return
    inside = [(key, value) for key, value in node.items() if not key.startswith(OPTIMIZER)]
    inner = [found for key, value in inside for found in _mappings(value, (*path, key))]
    if inner:
        yield from inner
    elif any(getattr(_numbers(value), "ndim", 0) for value in node.values()):
        yield path, _without_parts({key: value for key, value in node.items() if key not in METADATA})


def _without_parts(state: dict[str, Any]) -> dict[str, Any]:
    """The same without what wraps parts of a model, unless two names would become one."""
    plain = {".".join(part for part in key.split(".") if part not in OF_PARTS): value for key, value in state.items()}
    return plain if len(plain) == len(state) else state


def _under_prefixes(path: Path, state: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The same without a prefix that all names share, or one mapping for each of several prefixes."""
    named = {key: value for key, value in state.items() if key not in COUNTS}
    firsts = list(dict.fromkeys(key.partition(".")[0] for key in named if "." in key))
    if not named or any("." not in key or key.partition(".")[0] not in PREFIXES for key in named):
        yield path, state
        return
    for first in firsts:
        inside = {key.partition(".")[2]: value for key, value in named.items() if key.partition(".")[0] == first}
        yield from _under_prefixes((*path, first), inside)


def _state_dict(state: Any, where: str) -> dict[str, Tensor]:
    if not isinstance(state, Mapping):
        raise UserError(f"{where}: not a checkpoint: expected tensors by name, found a {type(state).__name__}")
    tensors = {key: _tensor(value) for key, value in state.items() if key not in METADATA}
    others = [str(key) for key, tensor in tensors.items() if tensor is None or not isinstance(key, str)]
    if others or not tensors:
        found = f"{', '.join(others[:3])} among {len(tensors)} entries" if others else "it is empty"
        raise UserError(f"{where}: not a checkpoint: expected tensors by name, but {found}")
    return {key: tensor for key, tensor in tensors.items() if tensor is not None}


def _tensor(value: Any) -> Tensor | None:
    """None when it is neither a tensor nor an array of numbers."""
    numbers = _numbers(value)
    if numbers is None or isinstance(numbers, Tensor):
        return numbers
    return torch.from_numpy(np.array(numbers, numbers.dtype.newbyteorder("=")))  # a writable copy


def _numbers(value: Any) -> Tensor | np.ndarray | np.generic | None:
    """A tensor of real numbers or an array as the file has it; None when it is neither."""
    stored = value.array if isinstance(value, StoredArray) else value
    if isinstance(stored, Tensor):
        plain = stored.layout == torch.strided and stored.device.type == "cpu"
        return stored.detach() if plain and not (stored.is_quantized or stored.is_complex()) else None
    return stored if isinstance(stored, np.ndarray | np.generic) else None
