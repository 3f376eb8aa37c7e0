"""Weights and the state of an unfinished training run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vita.core.contract import UserError
from vita.core.files import atomic_write

CLASS_HEAD = "class_head"  # the part of a parameter's name that says: my shape depends on the number of classes
SHOWN = 3  # tensors that an error names


def save_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file; the same weights are the same bytes."""
    with atomic_write(path) as temporary:
        tensors = {k: v.detach().cpu().contiguous() for k, v in state.items()}
        try:
            save_file(tensors, temporary, {"format": "vita-bench"})
        except SafetensorError as error:  # how the library reports a full disk
            raise OSError(str(error)) from error


@dataclass(frozen=True)
class Loaded:
    """What a weights file did not give: class heads of another size, and whole parts that it does not hold.

    left_out_parts: whole parts that it holds and the model does not have.
    """

    reinitialised: list[str]
    absent_parts: list[str]
    left_out_parts: list[str] = field(default_factory=list)


def load_weights(model: nn.Module, path: Path) -> Loaded:
    """Fill a model from a safetensors file, which may lack whole top-level parts (a detector alone, say).

    It may be another model's, of which some parts are the same: whole parts that this one does not have are left out.
    Raises UserError when the file is missing, damaged, has numbers that are none, or has no part in common: then it
    lists what does not fit.
    """
    found, wanted = _read(path), model.state_dict()
    parts = set(map(_part, wanted))
    if parts & set(map(_part, found)):
        left_out = set(map(_part, found)) - parts
        found = {name: tensor for name, tensor in found.items() if _part(name) in parts}
    else:
        left_out = set()  # nothing fits, which is told
    heads = [k for k in _of_another_shape(found, wanted) if CLASS_HEAD in k]
    present = set(map(_part, found))
    needed = [k for k in wanted if _part(k) in present]
    _check_fit(path, found, wanted, needed, heads)
    model.load_state_dict({**wanted, **{k: v for k, v in found.items() if k not in heads}})
    return Loaded(sorted(heads), sorted(parts - present), sorted(left_out))


def load_whole(model: nn.Module, path: Path) -> Loaded:
    """As `load_weights`, for prediction: raises UserError when the file is of another model in any part, too."""
    loaded = load_weights(model, path)
    if loaded.absent_parts:
        raise UserError(f"{path}: cannot predict: it lacks the parts {', '.join(loaded.absent_parts)}")
    if loaded.left_out_parts:
        raise UserError(f"{path}: cannot predict: of another model, with the parts {', '.join(loaded.left_out_parts)}")
    return loaded


def _part(name: str) -> str:
    """The top-level part of a model that a tensor belongs to."""
    return name.partition(".")[0]


def load_backbone(model: nn.Module, parameters: Collection[nn.Parameter], path: Path) -> Loaded:
    """Fill the backbone of a model, whose parameters are given, from a safetensors file that holds nothing else.

    Raises UserError as `load_weights` does, and when the file lacks one of the backbone's parameters.
    """
    found, wanted = _read(path), model.state_dict()
    own = {id(parameter) for parameter in parameters}
    needed = [name for name, parameter in model.named_parameters() if id(parameter) in own]
    _check_fit(path, found, wanted, needed)
    model.load_state_dict({**wanted, **found})
    return Loaded([], ["all but the backbone"])


def constant_norms(model: nn.Module) -> list[str]:
    """Names of the norms inside a model that never change: their statistics are constants, which a file must give."""
    return [
        name
        for name, module in model.named_modules()
        if "running_var" in dict(module.named_buffers(recurse=False)) and not list(module.parameters(recurse=False))
    ]


def _read(path: Path) -> dict[str, Tensor]:
    with _readable(path):
        found: dict[str, Tensor] = load_file(path)
    check_finite(found, str(path))
    return found


def check_finite(state: Mapping[str, Tensor], where: str) -> None:
    """Raises UserError naming tensors with entries that are infinite or not numbers; `where` opens its message."""
    bad = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        named = ", ".join(bad[:SHOWN]) + (", ..." if len(bad) > SHOWN else "")
        raise UserError(
            f"{where}: NaN or infinite entries in {len(bad)} of {len(state)} tensors ({named}); the file is of no use"
        )


def count_classes(path: Path, head: str) -> int | None:
    """How many classes the class head of that name tells apart; None when the file has no such head.

    Raises UserError when the file is missing or damaged.
    """
    name = f"{head}.weight"
    with _readable(path), safe_open(path, "pt") as found:
        shape = found.get_slice(name).get_shape() if name in found.keys() else None  # noqa: SIM118
    return None if shape is None else int(shape[0]) - 1


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """A missing or damaged safetensors file, met inside, is a UserError."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); it may be truncated") from None


def _of_another_shape(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    return [k for k in found if k in wanted and found[k].shape != wanted[k].shape]


def _check_fit(
    path: Path,
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    needed: Collection[str],
    may_differ: Collection[str] = (),
) -> None:
    """Raises UserError on names that the model lacks, on `needed` ones that the file lacks, and on other shapes."""
    problems = {
        "unknown": [k for k in found if k not in wanted],
        "missing": [k for k in needed if k not in found],
        "of another shape": [k for k in _of_another_shape(found, wanted) if k not in may_differ],
    }
    if any(problems.values()):
        listed = "; ".join(f"{len(keys)} {kind}, first {keys[0]}" for kind, keys in problems.items() if keys)
        raise UserError(f"{path}: weights of another model: {listed}")


class Checkpoint:
    """The state after some step of a run; a run of another identity never resumes from it."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self.identity = path, identity

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Mapping[str, Any]) -> None:
        """progress: tensors, numbers, strings, and lists and dicts of them.

        Raises UserError when the disk is full; the earlier checkpoint stays.
        """
        state = {
            "identity": self.identity,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "progress": dict(progress),
        }
        with atomic_write(self.path) as temporary, temporary.open("wb") as handle:
            try:
                torch.save(state, handle)
            except RuntimeError as error:  # torch reports a failed write as one of its own
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
        """Put weights and optimizer back and return `progress`; None when there is nothing to resume.

        Raises UserError when the file is damaged, or of the same configuration but another model.
        """
        if not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception:  # what damaged bytes raise depends on where the damage is
            raise UserError(f"{self.path}: damaged checkpoint; delete it to start anew") from None
        if state["identity"] != self.identity:
            return None
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError):
            raise UserError(f"{self.path}: of another version of this method; delete it to start anew") from None
        progress: dict[str, Any] = state["progress"]
        return progress
