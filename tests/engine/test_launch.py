"""The command that starts the processes of one training, and ends with them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_processes import ENDED_S
from tiny_run import configuration, files_in, vita, write_configuration
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from vita.engine.launch import Failure, first_failure


def by_two_processes(config: str | Path) -> list[str]:
    return [sys.executable, "-m", "vita", "train", "--config", str(config), "--processes", "2"]


def started(config: str | Path) -> subprocess.Popen[bytes]:
    """The launcher of a training by two processes that has written its first checkpoint."""
    folder = Path(config).parent
    with (folder / "log").open("w") as log:
        launcher = subprocess.Popen(by_two_processes(config), stderr=log)
    while not (folder / "work" / "last.pt").exists():
        assert launcher.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    return launcher


def children_of(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(number) for number in text.split()]


def is_trainer(process: int, rank: int) -> bool:
    try:
        return f"RANK={rank}".encode() in Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks up child processes in /proc")
def test_a_killed_process_ends_the_command(videos: Path, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, configuration(videos, iterations=4000, decay_at=[]))
    launcher = started(path)
    trainers = children_of(launcher.pid)
    (second,) = [one for one in trainers if is_trainer(one, 1)]
    began = time.monotonic()
    os.kill(second, signal.SIGKILL)
    assert launcher.wait(timeout=ENDED_S) == 128 + signal.SIGKILL
    assert time.monotonic() - began < ENDED_S
    assert not any(Path(f"/proc/{one}").exists() for one in trainers)
    record = json.loads((tmp_path / "work" / "record.json").read_text())
    assert (record["status"], record["processes"]) == ("failed", 2)
    assert record["error"] == "process 1 of 2: ended by SIGKILL"


def test_a_user_error_ends_the_command_with_its_code(videos: Path, tmp_path: Path) -> None:
    """Frames of one video are damaged: whichever process meets one first."""
    root = Path(shutil.copytree(videos, tmp_path / "videos"))
    for frame in sorted((root / "train" / "JPEGImages").iterdir())[0].iterdir():
        frame.write_bytes(frame.read_bytes()[:100])
    path = write_configuration(tmp_path / "run", configuration(root))
    ended = subprocess.run(by_two_processes(path), capture_output=True, text=True, timeout=ENDED_S, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "error: " in ended.stderr and "Traceback" not in ended.stderr
    record = json.loads((tmp_path / "run" / "work" / "record.json").read_text())
    assert record["status"] == "failed" and "damaged frame" in record["error"]


@pytest.mark.parametrize("warning", [signal.SIGTERM, signal.SIGUSR1])
def test_the_launcher_gives_on_what_asks_for_an_end(warning: signal.Signals, videos: Path, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, configuration(videos, iterations=2000, decay_at=(), checkpoint_every=10))
    launcher = started(path)
    launcher.send_signal(warning)
    assert launcher.wait(timeout=ENDED_S) == 75
    record = json.loads((tmp_path / "work" / "record.json").read_text())
    assert (record["status"], record["processes"]) == ("interrupted", 2) and record["iterations"] >= 10


def test_a_launcher_that_starts_one_of_several(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `accelerate launch --num_processes 2 --cpu` leaves in the environment of the one process it starts."""
    for name, value in {"ACCELERATE_USE_CPU": "True", "ACCELERATE_MIXED_PRECISION": "no"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "29500")
    ended = vita("train", "--config", write_configuration(tmp_path, configuration(videos)))
    assert ended.message.startswith("accelerate launch was asked for several processes, and started one")
    assert files_in(tmp_path) == ["config.yaml"]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({0: 1, 1: -9}, Failure(1, -9)),  # the first misses who was killed
        ({0: -6, 1: 2}, Failure(1, 2)),  # the first was aborted, since the second found what a user can mend
        ({0: 2, 1: 2}, Failure(0, 2)),
        ({0: 1, 1: -15}, Failure(0, 1)),  # the second was ended with the first
        ({0: -15, 1: -15}, Failure(0, -15)),
    ],
)
def test_who_failed_first(codes: dict[int, int], expected: Failure) -> None:
    failures = {
        rank: ProcessFailure(local_rank=rank, pid=rank + 1, exitcode=code, error_file="")
        for rank, code in codes.items()
    }
    assert first_failure(ChildFailedError("train", failures)) == expected
