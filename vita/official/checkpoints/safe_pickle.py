"""Reading pickles of arrays and tensors without running what they ask for.

A pickle is a program that may call any function it names. Here a name is looked up in one table of our own functions,
which build arrays, tensors and ordered dicts; every other name is refused before anything of it is imported.
"""

from __future__ import annotations

import io
import pickle
import re
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
        here = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        builder = BUILDERS.get(f"{here}.{name}")
        if builder is None:
            raise RefusedError(f"{module}.{name}")
        return Allowed(builder)


class StoredType:
    """A type of numbers, `numpy.dtype` in a pickle. NumPy's own would take any state, pointers to objects too."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: str, *_flags: bool) -> None:
        if not isinstance(code, str) or re.fullmatch(r"b1|[iu][1248]|f[248]", code) is None:
            raise RefusedError(f"numpy.dtype of {code}")
        self._code, self._order = code, "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        """state: version, byte order, and what plain numbers do not have."""
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise RefusedError("numpy.dtype of parts")
        self._order = state[1]

    def real(self) -> np.dtype:
        """As NumPy has it."""
        return np.dtype(self._order + self._code)


class StoredArray:
    """An array of numbers, `numpy.ndarray` in a pickle; its content follows as a state."""

    __slots__ = ("array",)

    def __init__(self, *_kind_shape_code: Any) -> None:
        self.array = np.zeros(0)

    def __setstate__(self, state: Sequence[Any]) -> None:
        """state: version, shape, type, whether columns come first, bytes."""
        _version, shape, kind, by_columns, content = state
        self.array = array_from_buffer(content, kind, shape, "F" if by_columns else "C").array


def array_from_buffer(content: bytes | str, kind: StoredType, shape: Sequence[int], order: str) -> StoredArray:
    """An array in one piece; `content` is text where Python 2 wrote it."""
    raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
    stored = StoredArray()
    # NumPy takes an order of its own; anything else is an error of its own.
    stored.array = np.frombuffer(raw, kind.real()).reshape(tuple(shape), order="F" if order == "F" else "C")
    return stored


def number(kind: StoredType, content: bytes | str) -> np.generic:
    """One number of NumPy."""
    scalar: np.generic = array_from_buffer(content, kind, (1,), "C").array[0]
    return scalar


def array_type(*_arguments: Any) -> Any:
    """`numpy.ndarray` itself: only named, as the first argument of what makes an array."""
    raise RefusedError("numpy.ndarray as a function")


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
    # PyTorch would enlarge the storage of a tensor that reaches beyond it, and what is there then is nobody's numbers.
    reach = 1 + offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    held = storage._untyped_storage.nbytes() // storage._element_size()
    if 0 not in size and reach > held:
        raise ValueError(f"a tensor reaches beyond its {held} numbers")
    values = torch.empty(0, dtype=storage.dtype)
    return values.set_(storage._untyped_storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: Tensor, *_hooks: Any) -> Tensor:
    return tensor


def _no_bytes() -> bytes:
    return b""  # how protocols without a code for bytes write none


NUMPY: dict[str, Callable[..., Any]] = {
    "numpy.dtype": StoredType,
    "numpy.ndarray": array_type,
    "numpy.core.multiarray._reconstruct": StoredArray,
    "numpy.core.multiarray.scalar": number,
    "numpy.core.numeric._frombuffer": array_from_buffer,
    "builtins.bytes": _no_bytes,
}
BUILDERS: dict[str, Callable[..., Any]] = {
    **NUMPY,
    "collections.OrderedDict": OrderedDict,
    "_codecs.encode": _encode,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.storage._load_from_bytes": _storage,
}


def for_torch() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """The same builders of arrays for torch's own reader of safe pickles, by every name that NumPy has had for them."""
    names = {**NUMPY, **{name.replace("numpy.core", "numpy._core"): builder for name, builder in NUMPY.items()}}
    return [(builder, name) for name, builder in names.items()]
