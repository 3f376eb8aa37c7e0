"""Files of checkpoints: every layout, hostile pickles, damaged bytes."""

from __future__ import annotations

import codecs
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vita.core.contract import UserError
from vita.official.checkpoints.files import read_official, write_official

STATE = {
    "backbone.weight": torch.arange(6.0).reshape(2, 3),
    "backbone.transposed": torch.arange(6.0).reshape(2, 3).t(),
    "backbone.half": torch.ones(2, dtype=torch.bfloat16),
    "backbone.index": torch.arange(4).reshape(2, 2),
    "backbone.count": torch.tensor(3),
    "backbone.none": torch.zeros(0, 3),
}
ARRAYS = {key: tensor.numpy() for key, tensor in STATE.items() if tensor.dtype != torch.bfloat16}


def equal(ours: dict[str, Tensor], theirs: dict[str, Any]) -> bool:
    wanted = {key: torch.as_tensor(value) for key, value in theirs.items()}
    same = all(torch.equal(tensor, wanted[key]) and tensor.dtype == wanted[key].dtype for key, tensor in ours.items())
    return ours.keys() == wanted.keys() and same


def pickled(path: Path, content: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def zipped(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def legacy(path: Path, content: Any) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


WRITERS = [pickled, zipped, legacy]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("state", [STATE, ARRAYS], ids=["tensors", "arrays"])
def test_a_state_dict_is_read_bare_or_under_model(write: Callable, state: dict, tmp_path: Path) -> None:
    assert equal(read_official(write(tmp_path / "bare", state)), state)
    training = {"model": OrderedDict(state), "iteration": 7, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}
    assert equal(read_official(write(tmp_path / "training", training)), state)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_is_read(protocol: int, tmp_path: Path) -> None:
    arrays = {**ARRAYS, "fortran": np.asfortranarray(np.ones((2, 3), np.float32))}
    assert equal(read_official(pickled(tmp_path / "arrays.pkl", arrays, protocol)), arrays)
    parameters = {"weight": torch.nn.Parameter(torch.ones(2)), **STATE}
    assert equal(read_official(pickled(tmp_path / "tensors.pkl", parameters, protocol)), parameters)


def test_a_pickle_of_the_model_zoo_is_read_without_its_metadata(tmp_path: Path) -> None:
    zoo = {"model": ARRAYS, "__author__": "third party", "matching_heuristics": True}
    assert equal(read_official(pickled(tmp_path / "zoo.pkl", zoo)), ARRAYS)
    bare = {**ARRAYS, "__author__": "third party", "matching_heuristics": True}
    assert equal(read_official(pickled(tmp_path / "bare.pkl", bare)), ARRAYS)


def test_numbers_of_numpy_beside_the_model_do_no_harm(tmp_path: Path) -> None:
    content = {"model": STATE, "scheduler": {"rate": np.float64(0.1), "step": np.int64(3)}}
    for write in WRITERS:
        assert equal(read_official(write(tmp_path / write.__name__, content)), STATE)


def test_safetensors_are_read(tmp_path: Path) -> None:
    state = {key: tensor.contiguous() for key, tensor in STATE.items()}
    save_file(state, tmp_path / "a.safetensors")
    assert equal(read_official(tmp_path / "a.safetensors"), state)


def test_what_is_written_is_read_again_by_torch_and_by_us(tmp_path: Path) -> None:
    write_official(STATE, tmp_path / "out.pth")
    assert equal(read_official(tmp_path / "out.pth"), STATE)
    content = torch.load(tmp_path / "out.pth", weights_only=True)
    assert content.keys() == {"model"}
    assert equal(content["model"], STATE)


# Hostile files


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable, tuple]:
        return self.function, self.arguments


class Harmful(dict):
    """A class that is not importable elsewhere."""


def attacks(mark: Path) -> dict[str, Any]:
    """Each would create the file `mark`, if it ran."""
    command = f"open({str(mark)!r}, 'w').close()"
    return {
        f"{os.system.__module__}.system": Call(os.system, f"touch {mark}"),
        "builtins.eval": Call(eval, command),
        "builtins.exec": Call(exec, command),
        "builtins.getattr": Call(getattr, mark, "touch"),
        "io.open": Call(open, str(mark), "w"),
        f"{__name__}.Harmful": Harmful(),
    }


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", attacks(Path("mark")))
def test_a_call_is_refused_by_its_full_name_and_never_made(write: Callable, name: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for where in ("model", "optimizer"):
        path = write(tmp_path / "bad", {"model": dict(STATE), where: {"a": attacks(mark)[name]}})
        with pytest.raises(UserError) as error:
            read_official(path)
        said = str(error.value).replace("__builtin__", "builtins")
        assert str(path) in said and name in said and "nothing in it was executed" in said
        assert not mark.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_calls_are_refused_in_every_protocol(protocol: int, tmp_path: Path) -> None:
    for attack in attacks(tmp_path / "mark").values():
        with pytest.raises(UserError, match="refused"):
            read_official(pickled(tmp_path / "bad.pkl", {"model": attack}, protocol))
    assert not (tmp_path / "mark").exists()


def test_only_the_codec_of_numpys_bytes_is_available(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"refused.*_codecs.encode to rot13"):
        read_official(pickled(tmp_path / "bad.pkl", {"a": Call(codecs.encode, "a", "rot13")}))


def test_a_tensor_inside_a_pickle_cannot_carry_a_call(tmp_path: Path) -> None:
    """A tensor's storage is itself a file of torch inside the pickle, which torch's function would read unsafely."""
    mark = tmp_path / "mark"
    inner = zipped(tmp_path / "inner", Call(os.system, f"touch {mark}")).read_bytes()
    path = pickled(tmp_path / "bad.pkl", {"a": Call(torch.storage._load_from_bytes, inner)})
    with pytest.raises(UserError, match=r"refused.*\.system"):
        read_official(path)
    plain = zipped(tmp_path / "plain", {"a": 1}).read_bytes()
    with pytest.raises(UserError, match="other than a storage"):
        read_official(pickled(path, {"a": Call(torch.storage._load_from_bytes, plain)}))
    assert not mark.exists()


def test_a_pickle_cannot_change_the_functions_it_gets(tmp_path: Path) -> None:
    """The opcode `b` sets attributes of what stands before it, here of numpy.dtype."""
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"cnumpy\ndtype\n(N}Vname\nVvalue\nstb.")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        read_official(path)


@pytest.mark.parametrize("write", WRITERS)
def test_arrays_of_anything_but_numbers_are_refused(write: Callable, tmp_path: Path) -> None:
    """NumPy would take a type with pointers to objects from a pickle, and follow pointers that the file made up."""
    for array, said in ((np.array(["text"]), "U4"), (np.array([object]), "O8"), (np.zeros(1, "f4,f8"), "V12")):
        with pytest.raises(UserError, match=f"refused.*numpy.dtype of {said}"):
            read_official(write(tmp_path / "bad", {"a": array}))


@pytest.mark.parametrize("parts", [("|", ("<f4", (2,)), None, None), ("|", None, ("f0",), {}), ("O", None, None, None)])
def test_a_type_of_numbers_has_no_parts(parts: tuple, tmp_path: Path) -> None:
    class Crafted:
        def __reduce__(self) -> tuple:
            return np.dtype, ("f8", False, True), (3, *parts, -1, -1, 0)

    with pytest.raises(UserError, match=r"refused.*numpy.dtype of parts"):
        read_official(pickled(tmp_path / "bad.pkl", {"a": Crafted()}))


def test_numbers_of_another_byte_order_are_read(tmp_path: Path) -> None:
    swapped = {"a": np.arange(3, dtype=">f4"), "b": np.arange(3, dtype=">i8")}
    native = {key: array.astype(array.dtype.newbyteorder("=")) for key, array in swapped.items()}
    for write in WRITERS:
        assert equal(read_official(write(tmp_path / "swapped", swapped)), native)


# Damaged and wrong files


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_that_ends_early_is_one_clear_error(write: Callable, tmp_path: Path) -> None:
    path = write(tmp_path / "cut.pth", {"model": STATE})
    whole = path.read_bytes()
    for length in sorted({0, 1, 3, 20, len(whole) // 2, len(whole) - 1}):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="not a readable checkpoint; it may be truncated"):
            read_official(path)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"version https://git-lfs", b"\x89PNG\r\n", b"{}"])
@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".safetensors"])
def test_a_file_of_something_else_is_one_clear_error(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"wrong{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a readable checkpoint"):
        read_official(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([STATE], "found a list"),
        ({"model": 3}, "found a int"),
        ({}, "it is empty"),
        ({"model": {}}, "it is empty"),
        ({"model": {"a": torch.ones(1), "b": "text"}}, "b among 2 entries"),
        ({"model": {1: torch.ones(1)}}, "1 among 1 entries"),
    ],
)
def test_content_that_is_no_state_dict_is_named(content: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        read_official(pickled(tmp_path / "wrong.pkl", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such checkpoint file"):
        read_official(tmp_path / "none.pth")
