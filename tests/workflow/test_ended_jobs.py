"""A Snakemake that is asked to end does so with its jobs; what killed ones left half-written is swept."""

import os
import signal
import subprocess

import psutil
from test_snakemake import wait_for

from vita.core.files import UNFINISHED

WEIGHTS = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0/model.safetensors"


def test_sigterm_ends_snakemake_with_its_jobs_and_the_same_command_goes_on(fake_folder):
    """A training that lasts until its file `hold` is gone stands for one of days."""
    hold = fake_folder.path / "hold"
    hold.touch()
    command = fake_folder.command("results/table6.csv")
    environment = os.environ | fake_folder.environment
    first = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(fake_folder.path / WEIGHTS)
        jobs = psutil.Process(first.pid).children(recursive=True)
        assert any("train" in job.cmdline() for job in jobs)
        first.send_signal(signal.SIGTERM)
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
