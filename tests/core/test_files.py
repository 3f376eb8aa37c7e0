"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import files_in

from vita.core.contract import UserError
from vita.core.files import atomic_write, read_json, remove_unfinished, write_json, write_text


def test_file_appears_at_the_end_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent  # on the same disk, where renaming is atomic
        assert not path.exists()
    assert path.read_text() == "new"
    assert files_in(tmp_path) == ["a/b/file.txt"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # as other programs' files, not private as temporary ones


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_error_half_way_keeps_the_old_file(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(error), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert files_in(tmp_path) == ["file.txt"]


def test_full_disk_is_told_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    message = rf"^cannot write {path}: No space left on device; free space"
    with pytest.raises(UserError, match=message), atomic_write(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert files_in(tmp_path) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=rf"^cannot write {tmp_path}/file/inner/x.json: (Not a directory|File exists)"):
        write_json(tmp_path / "file" / "inner" / "x.json", {})


def test_user_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^the inner one$"), atomic_write(tmp_path / "file"):
        raise UserError("the inner one")


def test_value_that_is_no_json_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": [1, object()]})
    assert files_in(tmp_path) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=20, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 1]))
def test_json_is_read_as_it_was_written(
    value: object, indent: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value, indent)
    assert read_json(path) == value
    assert path.read_text().endswith("\n") and json.loads(path.read_text()) == value


def test_files_that_are_no_json(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(UserError, match=f"^{path}: no such file$"):
        read_json(path)
    for content in (b"", b"{", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"^{path}: not valid JSON: "):
            read_json(path)
    with pytest.raises(UserError, match=f"^{tmp_path}: cannot be read: Is a directory$"):
        read_json(tmp_path)


KILLED = """
import os, sys
from pathlib import Path
from vita.core.files import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os._exit(9)
"""


def test_what_a_killed_process_leaves_can_be_removed_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "kept.part", "")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "file.txt")], check=False)
    with atomic_write(tmp_path / "other.txt") as being_written:
        assert len(files_in(tmp_path)) == 3
        remove_unfinished(tmp_path)
        assert files_in(tmp_path) == sorted([being_written.name, "kept.part"])
    assert files_in(tmp_path) == ["kept.part", "other.txt"]
