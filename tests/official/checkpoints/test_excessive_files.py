"""Files of a few bytes that ask for gigabytes: refused before the memory is taken."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vita.core.contract import UserError
from vita.official.checkpoints.files import read_official

PLACE = 2**28
PICKLES = {
    "binary place": b"\x80\x02N" + b"r" + struct.pack("<I", PLACE) + b".",
    "place as text": b"N" + b"p%d\n." % PLACE,
    "place after others": b"\x80\x02" + b"Nq\x000" * 50 + b"N" + b"r" + struct.pack("<I", 4 * PLACE) + b".",
    "negative place": b"Np-5\n.",
    "bytes that are not there": b"\x80\x04" + b"\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "text that is not there": b"\x80\x04" + b"\x8d" + struct.pack("<Q", 2**40) + b"x.",
    "array of bytes that are not there": b"\x80\x05" + b"\x96" + struct.pack("<Q", 2**40) + b"x.",
    "frame that is not there": b"\x80\x04" + b"\x95" + struct.pack("<Q", 2**40) + b"N.",
    "array of more bytes than there are addresses": b"\x80\x05" + b"\x96" + struct.pack("<Q", 2**62) + b"x.",
    "frame of more bytes than there are addresses": b"\x80\x04" + b"\x95" + struct.pack("<Q", 2**62) + b"N.",
    "number that is not there": b"\x80\x02" + b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
    "number of many digits": b"I" + b"9" * 5000 + b"\n.",
}
READ = """
import resource, sys
from pathlib import Path
from vita.core.contract import UserError
from vita.official.checkpoints.files import read_official
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(Path, sys.argv[1:]):
    try:
        read_official(path)
    except UserError as error:
        print(error)
    print(path.stem, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


class Reaching:
    """A tensor of a million numbers, of which four are there."""

    def __reduce__(self) -> tuple[Any, ...]:
        storage = torch.zeros(4)._typed_storage()
        return torch._utils._rebuild_tensor_v2, (storage, 0, (2**20,), (1,), False, OrderedDict())


def bomb(path: Path) -> Path:
    """Torch's own archive, its tensor packed."""
    torch.save({"a": torch.zeros(2**26)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in parts.items():
            archive.writestr(member, content)
    return path


@pytest.mark.parametrize("new", [True, False])
def test_an_endless_name_is_refused_before_torch_searches_its_message(tmp_path: Path, new: bool) -> None:
    """In a time that grows with the square of the name's length: hours for a megabyte."""
    torch.save({"a": torch.zeros(2)}, path := tmp_path / "a.pth", _use_new_zipfile_serialization=new)
    assert read_official(path).keys() == {"a"}
    name = b"ctorch._utils\n_rebuild_tensor_v2\n"
    longer = b"c" + b"torch" * 20_000 + b"\n_rebuild_tensor_v2\n"
    if new:
        with zipfile.ZipFile(path) as archive:
            parts = {member: archive.read(member).replace(name, longer) for member in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in parts.items():
                archive.writestr(member, content)
    else:
        path.write_bytes(path.read_bytes().replace(name, longer))
    with pytest.raises(UserError, match=r"refused unread: .*a name of 100019 characters"):
        read_official(path)


def test_no_file_takes_much_more_than_it_is(tmp_path: Path) -> None:
    paths = []
    for name, content in PICKLES.items():
        paths.append(tmp_path / f"{name}.pkl")
        paths[-1].write_bytes(content)
    paths.append(bomb(tmp_path / "archive.pth"))
    assert paths[-1].stat().st_size < 2**19
    told = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=True)
    lines = told.stdout.splitlines()
    assert len(lines) == 2 * len(paths)
    for path, error, taken in zip(paths, lines[::2], lines[1::2], strict=True):
        assert error.startswith(f"{path}: not a readable checkpoint;") or error.startswith(f"{path}: refused unread: ")
        assert int(taken.rpartition(" ")[2]) < 100, taken  # MiB


@pytest.mark.parametrize("name", PICKLES)
def test_memory_that_a_file_claims_is_not_asked_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(PICKLES[name])
    with pytest.raises(UserError) as error:
        read_official(path)
    assert not isinstance(error.value.__context__, MemoryError)


def nested(depth: int) -> tuple[Any, ...]:
    """A hundred objects or so, which unfold to two to that power."""
    held: tuple[Any, ...] = ("a",)
    for _ in range(depth):
        held = (held, held)
    return held


def as_archive(content: Any, path: Path) -> None:
    """torch's own, around a content that a dict may not be made of: a key's hash takes for ever."""
    torch.save({"a": torch.zeros(2)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, stored in parts.items():
            archive.writestr(member, content if member.endswith("/data.pkl") else stored)


def with_key(key: tuple[Any, ...], protocol: int) -> bytes:
    """The pickle of {key: 1}, which cannot be made by making the dict."""
    pair = pickle.dumps([key, 1], protocol)
    program = list(pickletools.genops(pair))
    ends = [place for _, _, place in program[1:]] + [len(pair)]
    pieces = [pair[place:end] for (_, _, place), end in zip(program, ends, strict=True)]
    new = {"EMPTY_LIST": b"}", "LIST": b"d", "APPENDS": b"u", "APPEND": b""}
    return b"".join(new.get(code.name, piece) for (code, _, _), piece in zip(program, pieces, strict=True))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_tuple_that_unfolds_without_end_is_refused_as_a_key(tmp_path: Path, protocol: int) -> None:
    assert pickle.loads(with_key(nested(3), protocol)) == {nested(3): 1}
    content = with_key(nested(60), protocol)
    assert len(content) < 1000
    plain, archive, legacy = (tmp_path / name for name in ("a.pkl", "b.pth", "c.pth"))
    plain.write_bytes(content)
    as_archive(content, archive)
    torch.save({"a": torch.zeros(2)}, legacy, _use_new_zipfile_serialization=False)
    parts = legacy.read_bytes()
    fourth = len(parts) - len(after(parts, 3))
    legacy.write_bytes(parts[:fourth] + content + after(parts, 4))
    for path in (plain, archive, legacy):
        with pytest.raises(UserError, match=r"refused unread: .*\(a tuple of more than 1048576 objects\)"):
            read_official(path)


def after(content: bytes, pickles: int) -> bytes:
    """What follows so many pickles."""
    file = io.BytesIO(content)
    for _ in range(pickles):
        list(pickletools.genops(file))
    return file.read()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_tensor_beyond_its_storage_is_damage(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": Reaching()}, protocol))
    with pytest.raises(UserError, match="not a readable checkpoint"):
        read_official(path)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), min_size=1, max_size=300, unique=True)
)
def test_files_as_programs_write_them_are_read(tmp_path: Path, names: list[str]) -> None:
    state = {name: np.full((2, 3), len(name), np.float32) for name in names}
    for protocol in range(6):
        path = tmp_path / "a.pkl"
        path.write_bytes(pickle.dumps({"model": state}, protocol))
        read = read_official(path)
        assert read.keys() == state.keys()
        assert all(np.array_equal(read[name].numpy(), state[name]) for name in names)
