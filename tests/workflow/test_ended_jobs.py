"""A Snakemake that is asked to end does so with its jobs; what killed ones left half-written is swept."""

import os
import re
import signal
import subprocess
from contextlib import suppress

import psutil
import pytest
from test_snakemake import wait_for

from vita.core.files import UNFINISHED

WEIGHTS = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0/model.safetensors"


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_snakemake_with_its_jobs_and_the_same_command_goes_on(fake_folder, asked):
    """A training that lasts until its file `hold` is gone stands for one of days."""
    hold = fake_folder.path / "hold"
    hold.touch()
    first = start(fake_folder)
    try:
        wait_for(fake_folder.path / WEIGHTS)
        jobs = psutil.Process(first.pid).children(recursive=True)
        assert any("train" in job.cmdline() for job in jobs)
        first.send_signal(asked)
        _, said = first.communicate(timeout=60)
        assert first.returncode not in (0, None)
        assert "Traceback" not in said
        gone, alive = psutil.wait_procs(jobs, timeout=5)
        assert (len(gone), alive) == (len(jobs), [])
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
    hold.unlink()
    fake_folder.succeed("results/table6.csv")


def test_no_shell_stands_between_snakemake_and_the_last_command_of_a_job(fake_folder):
    """One that is killed leaves its command at work, whose files appear after Snakemake has given them up."""
    fake_folder.change("nano.yaml", "experiments", to=["table4", "table6", "figure5", "figure6"])
    said = fake_folder.succeed("-n", "-p", "all", "results/table4.csv")
    commands = set(re.findall(r"^Shell command: ((?:exec )?vita .*)$", said, re.M))
    assert len(commands) > 20
    probes = {line for line in commands if line.startswith("vita probe ") and " || test -s " in line}
    assert probes
    for line in commands - probes:
        assert line.rpartition(" && ")[2].startswith("exec vita "), line


def test_jobs_that_outlive_a_killed_snakemake_are_ended_by_the_next_call(fake_folder):
    """They would write the same files beside its jobs."""
    hold = fake_folder.path / "hold"
    hold.touch()
    first = start(fake_folder)
    second = None
    try:
        wait_for(fake_folder.path / WEIGHTS)
        jobs = psutil.Process(first.pid).children(recursive=True)
        first.kill()
        first.wait()
        assert any("train" in job.cmdline() for job in jobs)
        second = start(fake_folder)
        gone, alive = psutil.wait_procs(jobs, timeout=60)
        assert (len(gone), alive) == (len(jobs), [])
        hold.unlink()
        _, said = second.communicate(timeout=120)
        assert second.returncode == 0, said
        assert all(f"ending process {job.pid}, left by a killed Snakemake" in said for job in jobs)
    finally:
        for call in filter(None, (first, second)):
            with suppress(ProcessLookupError):
                os.killpg(call.pid, signal.SIGKILL)
    assert len(fake_folder.calls("train")) == 1 + 3  # the one that was cut off, then every training


def start(folder):
    command = folder.command("results/table6.csv")
    environment = os.environ | folder.environment
    return subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # background jobs ignore it
    )


def test_files_that_killed_jobs_left_half_written_are_swept(fake_folder):
    fake_folder.succeed("results/table6.csv")
    run = (fake_folder.path / WEIGHTS).parent
    left = [
        run / f".model.safetensors.0123abcd{UNFINISHED}",
        run / "predictions" / f".intact.json.4567cdef{UNFINISHED}",
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    fake_folder.succeed("-n")
    assert all(path.exists() for path in left)  # looking alone cleans nothing up
    fake_folder.succeed("results/table6.csv")
    assert not any(path.exists() for path in left)
