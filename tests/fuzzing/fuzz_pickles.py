"""Checkpoints of others: nothing in them runs, and a reader in Python alone finds the same tensors."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzz_target import Seed, Target, differ, outcome
from safetensors.torch import save
from torch import Tensor

from vita.core.contract import UserError
from vita.official.checkpoints.files import TORCH_LEGACY, ZIP, read_content
from vita.official.checkpoints.safe_pickle import SafeUnpickler
from vita.official.checkpoints.wrappers import weights_in

# What reading must not come to: events of Python's own audit. The last is the look-up of a name outside of our table.
FORBIDDEN = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "urllib.", "webbrowser.", "pty.", "pickle.")
HARMLESS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
NAMES = (
    b"cos\nsystem\n", b"cposix\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\ngetattr\n", b"csubprocess\nPopen\n",
    b"cnumpy\nload\n", b"ctorch\nload\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n",
    b"ctorch.storage\n_load_from_bytes\n", b"c_codecs\nencode\n", b"cnumpy.core.multiarray\nscalar\n",
)  # fmt: skip
OPCODES = (
    b"(", b")", b".", b"0", b"1", b"2", b"b", b"R", b"i", b"o", b"}", b"]", b"l", b"t", b"d", b"s", b"u", b"a", b"e",
    b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89", b"\x8a\x01\xff", b"\x8b\xff\xff\xff\x7f", b"\x8f", b"\x90",
    b"\x91", b"\x92", b"\x93", b"\x94", b"q\x00", b"q\xff", b"r\xff\xff\xff\x0f", b"h\x00", b"j\xff\xff\xff\xff",
    b"p99999999\n", b"g0\n", b"K\xff", b"M\xff\xff", b"J\xff\xff\xff\x7f", b"I9\n", b"L9L\n", b"F1e999\n", b"N",
    b"X\xff\xff\xff\x7f", b"\x8d\xff\xff\xff\xff\xff\x00\x00\x00", b"\x8e\xff\xff\xff\xff\xff\x00\x00\x00",
    b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f", b"C\x04abcd", b"U\x04abcd", b"B\xff\xff\xff\x7f", b"S'x'\n", b"Vx\n",
    b"P0\n", b"Q", b"\x82\x01", b"\x80\x05", b"\x96\x08\x00\x00\x00\x00\x00\x00\x00", b"\x97", b"\x98",
)  # fmt: skip


class Calls:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def pickle_seeds(folder: Path) -> list[Seed]:
    """Pickles of every protocol, archives of torch old and new, and safetensors."""
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.float64(0.5),
        "c": np.asfortranarray(np.eye(2)),
    }
    state = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.ones(2, dtype=torch.int64), "c": torch.zeros(())}
    found = [Seed("a.pkl", pickle.dumps({"model": arrays, "matching_heuristics": True}, p)) for p in range(6)]
    found += [Seed("a.pkl", pickle.dumps({"model": OrderedDict(state)}, p)) for p in (2, 4)]
    for new in (True, False):
        torch.save({"model": state, "iteration": 9}, stream := io.BytesIO(), _use_new_zipfile_serialization=new)
        found.append(Seed("a.pth", stream.getvalue()))
    found.append(Seed("a.safetensors", save({key: value.contiguous() for key, value in state.items()})))
    for seed in found:  # what the readers import, they import now
        (folder / seed.name).write_bytes(seed.content)
        _plain(read_content(folder / seed.name), (folder / seed.name))
    return found


def use_pickle(path: Path) -> None:
    """Reads without an event of Python's audit; a pickle's tensors are those of Python's own unpickler."""
    happened = _events()
    happened.clear()
    refusal, content = outcome(lambda: read_content(path), (UserError,))
    if happened:
        differ(f"reading came to {happened[:3]}")
    if refusal:
        raise refusal
    _plain(content, path)


def _plain(content: Any, path: Path) -> None:
    """Raises DifferenceError where Python's own unpickler finds other tensors."""
    tensors = weights_in(content, str(path), None)
    raw = path.read_bytes()
    if path.suffix == ".safetensors" or raw.startswith((ZIP, TORCH_LEGACY)):
        return
    # It refuses more: a frame that ends within a value, say.
    refusal, plain = outcome(lambda: weights_in(_PythonUnpickler(io.BytesIO(raw)).load(), "", None), (Exception,))
    if refusal is None and _digest(tensors) != _digest(plain):
        differ("other tensors than Python's own unpickler finds")


class _PythonUnpickler(pickle._Unpickler):  # type: ignore[name-defined,misc]  # the one that is written in Python
    """With the same table of names."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")

    find_class = SafeUnpickler.find_class


def _digest(tensors: dict[str, Tensor]) -> list[Any]:
    return [(key, one.dtype, tuple(one.shape), one.tolist().__repr__()) for key, one in tensors.items()]


@cache
def _events() -> list[str]:
    """Forbidden ones that happened in this process, from the first call on."""
    happened: list[str] = []

    def hear(event: str, _arguments: Any) -> None:
        if event.startswith(FORBIDDEN) and event not in HARMLESS:
            happened.append(event)

    sys.addaudithook(hear)
    return happened


PICKLES = Target("safe pickle", pickle_seeds, use_pickle, (*NAMES, *OPCODES))
