"""One trainer at a time in a work folder."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tiny_run import files_in

from vita.core.contract import UserError
from vita.core.locks import WITHOUT_LOCKS
from vita.core.run_config import RunConfig
from vita.engine import train as train_module
from vita.engine import work_folder
from vita.engine.work_folder import exclusive, is_held


def start_holder(folder: Path) -> int:
    """The number of a process that holds the folder's lock until it is killed."""
    ready, tell = os.pipe()
    holder = os.fork()
    if holder == 0:
        with exclusive(folder):
            os.write(tell, b"!")
            time.sleep(600)
        os._exit(0)
    os.close(tell)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    return holder


def test_second_trainer_is_refused_until_the_first_is_killed(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "exclusive", lambda folder: exclusive(folder, patience_s=0.3))
    holder = start_holder(tmp_path / "work")
    try:
        with pytest.raises(UserError, match="another trainer is at work") as caught:
            train_module.train(config, tmp_path, None)
        assert str(tmp_path / "work") in str(caught.value)
        assert files_in(tmp_path) == ["work/lock"]
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    train_module.train(config, tmp_path, None)
    assert (tmp_path / "model.safetensors").exists()


def test_the_end_of_the_holder_is_waited_for(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    killing = threading.Timer(0.4, os.kill, (holder, signal.SIGKILL))
    killing.start()
    with exclusive(tmp_path, patience_s=30):
        killing.join()
        assert os.waitpid(holder, 0) == (holder, signal.SIGKILL)


def test_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), exclusive(tmp_path):
        raise KeyError
    with exclusive(tmp_path, patience_s=0):
        pass


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with (
        pytest.raises(UserError, match=r"cannot write .*run/work: Not a directory"),
        exclusive(tmp_path / "run" / "work"),
    ):
        pass


def test_only_half_written_files_are_removed(tmp_path: Path) -> None:
    for name in (".last.pt.x1.part", "last.pt", "notes.part"):
        (tmp_path / name).write_text("")
    with exclusive(tmp_path):
        assert files_in(tmp_path) == ["last.pt", "lock", "notes.part"]


@pytest.mark.parametrize("number", WITHOUT_LOCKS)
def test_a_file_system_without_locks(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("vita.core.locks.fcntl.flock", flock)
    message = rf"work/lock: this file system has no file locks \({os.strerror(number)}\)"
    with pytest.raises(UserError, match=message), exclusive(tmp_path / "work"):
        pass
    with pytest.raises(UserError, match=message):
        is_held(tmp_path / "work")


def test_a_trainer_that_says_nothing_of_itself_is_waited_for_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(work_folder, "PATIENCE_UNTOLD_S", 0.1)
    holder = start_holder(tmp_path)
    try:
        for text in ("", "{", "[]", '{"node": "n"}'):
            (tmp_path / "lock").write_text(text)
            with pytest.raises(UserError, match="another trainer is at work"), exclusive(tmp_path, patience_s=0.5):
                pass
            assert capfd.readouterr().err == f"waiting for another trainer; it holds {tmp_path}\n"
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
