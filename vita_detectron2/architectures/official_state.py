"""A state dict under official names: with it detectron2's checkpointer reads and writes the releases' files."""

from __future__ import annotations

from typing import Any

from torch import nn

from vita.official.checkpoints.conversion import current_names
from vita.official.checkpoints.state_dict import official_names_of, our_names_of
from vita.official.contract import ReferenceAdapter

METHOD = "method."  # what holds all weights of a module that is officially named


class OfficiallyNamed(nn.Module):
    """A module whose state dict is that of the method in it under official names, both ways.

    Tensors that only ours has are left out; constants of the official state, such as class weights, are written, and
    passed over when they are read.
    """

    method: Any  # torch's own typing knows modules by attribute as modules or tensors

    def __init__(self, method: nn.Module, official: ReferenceAdapter) -> None:
        super().__init__()
        self.method, self.official = method, official
        self.roots = frozenset(key.partition(".")[0] for key in self._write(method.state_dict()))
        self.register_state_dict_post_hook(self._after_state_dict)
        self.register_load_state_dict_pre_hook(self._before_load)
        self.register_load_state_dict_post_hook(self._after_load)

    def __getattr__(self, name: str) -> Any:
        """Parts of the official model, along whose names detectron2's checkpointer walks where shapes differ."""
        return OfficialPart() if name in self.__dict__.get("roots", ()) else super().__getattr__(name)

    def _write(self, ours: dict[str, Any]) -> dict[str, Any]:
        return {**official_names_of(ours, self.official), **self.official.constants(self.method)}

    @staticmethod
    def _after_state_dict(module: Any, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
        start = prefix + METHOD
        ours = {key.removeprefix(start): state.pop(key) for key in list(state) if key.startswith(start)}
        state.update({prefix + key: tensor for key, tensor in module._write(ours).items()})

    @staticmethod
    def _before_load(module: Any, state: dict[str, Any], prefix: str, *_others: Any) -> None:
        theirs = {key.removeprefix(prefix): state.pop(key) for key in list(state) if key.startswith(prefix)}
        theirs = current_names(theirs)
        ours = our_names_of(theirs, module.method.state_dict(), module.official)
        known = {module.official.source(name).key for name in ours} | module.official.constants(module.method).keys()
        state.update({prefix + METHOD + name: tensor for name, tensor in ours.items()})
        state.update({prefix + key: tensor for key, tensor in theirs.items() if key not in known})

    @staticmethod
    def _after_load(module: Any, incompatible: Any) -> None:
        """Name what was missing as the release does, each once; what the release does not have is not missing."""
        told: dict[str, None] = {}
        for name in incompatible.missing_keys:
            prefix, held, inside = name.partition(METHOD)
            source = module.official.source(inside) if held else None
            if source is not None:
                told[prefix + source.key] = None
            elif not held:  # of a module around this one
                told[name] = None
        incompatible.missing_keys[:] = told


class OfficialPart:
    """Stands for a part of the official model, and for every part of it: ours is laid out differently."""

    def __getattr__(self, name: str) -> OfficialPart:
        return self
