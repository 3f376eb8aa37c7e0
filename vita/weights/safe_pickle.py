"""Reading pickles of arrays and tensors without running what they ask for.

A pickle is a program that may call any function it names. Here a name is looked up in one table of our own functions,
which build arrays, tensors and ordered dicts; every other name is refused before anything of it is imported.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor
from torch.storage import TypedStorage


class RefusedError(Exception):
    """A pickle names something that a checkpoint has no need of; the text is its full name."""


class Allowed:
    """What a pickle gets for a name: callable, and without attributes that the pickle could set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        """Build the object."""
        return self._function(*arguments)


class SafeUnpickler(pickle.Unpickler):
    """Strings of Python 2 are read as Latin-1, in which NumPy wrote its bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """Raises RefusedError for every name outside the table."""
        full = f"{module.replace('numpy._core', 'numpy.core')}.{name}"
        if full not in BUILDERS:
            raise RefusedError(f"{module}.{name}")
        return Allowed(BUILDERS[full])


def _array(_kind: Any, _shape: Any, _code: Any) -> np.ndarray:
    return np.ndarray((0,), np.uint8)  # its content follows as a state


def _array_type(*_arguments: Any) -> Any:
    raise RefusedError("numpy.ndarray as a function")  # it is the first argument of `_array`, never called


def _array_from_buffer(buffer: bytes, dtype: np.dtype, shape: Sequence[int], order: Any) -> np.ndarray:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _scalar(dtype: np.dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype)[0]


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise RefusedError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _storage(content: bytes) -> TypedStorage:
    storage = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(storage, TypedStorage):
        raise RefusedError("torch.storage._load_from_bytes of something other than a storage")
    return storage


def _tensor(storage: TypedStorage, offset: int, size: Sequence[int], stride: Sequence[int], *_hooks: Any) -> Tensor:
    values = torch.empty(0, dtype=storage.dtype)
    return values.set_(storage._untyped_storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: Tensor, *_hooks: Any) -> Tensor:
    return tensor


def _no_bytes() -> bytes:
    return b""  # how protocols without a code for bytes write none


BUILDERS: dict[str, Callable[..., Any]] = {
    "__builtin__.bytes": _no_bytes,
    "collections.OrderedDict": OrderedDict,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": _array_type,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _array_from_buffer,
    "_codecs.encode": _encode,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.storage._load_from_bytes": _storage,
}
