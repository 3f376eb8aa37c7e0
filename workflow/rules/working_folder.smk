# Who works in this folder. A killed Snakemake leaves its lock and half-made outputs; the kernel, unlike a lock file,
# knows whether it still lives, so the same command can clean up after it and go on.

import os
import shutil
import signal
import sys
from base64 import urlsafe_b64decode
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
from vita.core.contract import UserError
from vita.core.files import UNFINISHED, remove_unfinished
from vita.core.locks import try_lock
from vita.core.plain_text import error_line
from vita.engine.finished import ASKED_AT

WORKS_IN = (
    "VITA_WORKS_IN"  # in the environment of jobs on this machine: their working folder
)
GRACE_S = 120  # a training ends its step and writes a checkpoint, as in vita/engine/interruption.py

LOOKS_ONLY = (
    "-n",
    "--dry-run",
    "--dryrun",
    "--lint",
    "--unlock",
    "--list",
    "--nolock",
    "--report",
    "--summary",
    "--dag",
    "--rulegraph",
    "--filegraph",
)


def refuse(reason):
    """End as the `vita` command does where a user gave something wrongly: one line, exit code 2."""
    print(f"error: {error_line(str(reason))}", file=sys.stderr)
    sys.exit(2)


def looks_only():
    """Whether this call changes nothing."""
    return any(word.startswith(LOOKS_ONLY) for word in sys.argv[1:])


def claim_folder():
    """Hold the folder until this process ends. Whoever gets it finds only the leavings of the dead."""
    if looks_only() or not workflow.is_main_process:
        return
    Path(".snakemake").mkdir(exist_ok=True)
    # Close-on-exec: jobs do not inherit it.
    claim = Path(".snakemake/claim.lock").open("w", encoding="utf-8")
    try:
        claimed = try_lock(claim)
    except UserError as error:
        refuse(error)
    if not claimed:
        refuse(
            "another Snakemake is at work in this folder; wait for its end, or end it, and call again"
        )
    workflow.globals["_claim"] = claim
    end_orphans()
    for lock in Path(".snakemake/locks").glob("*.lock"):
        lock.unlink()
    remove_half_made()
    for folder in {path.parent for path in Path("results").rglob(f".*{UNFINISHED}")}:
        remove_unfinished(folder)


def end_orphans():
    """Jobs on this machine outlive a Snakemake that was killed. Beside their successors they would write the same files."""
    orphans = [job for job in psutil.process_iter() if works_here(job)]
    for job in orphans:
        print(f"ending process {job.pid}, left by a killed Snakemake", file=sys.stderr)
        with suppress(psutil.Error):
            job.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=GRACE_S)
    for job in alive:
        with suppress(psutil.Error):
            job.kill()


def works_here(process):
    with suppress(psutil.Error):
        return process.environ().get(WORKS_IN) == str(Path.cwd())
    return False


def remove_half_made():
    """Delete the outputs of jobs that were cut off, and Snakemake's marks of unfinished ones.

    Jobs on a cluster outlive Snakemake: what they have written is whole, since every command writes its files so, and
    what they have not is asked for again.
    """
    marks = Path(".snakemake/incomplete")
    for mark in [
        path
        for path in marks.rglob("*")
        if path.is_file() and path.name != "migration_underway"
    ]:
        if '"external_jobid": null' in mark.read_text(encoding="utf-8"):
            code = "".join(
                part.removeprefix("@") for part in mark.relative_to(marks).parts
            )
            remove_output(Path(urlsafe_b64decode(code).decode()))
        mark.unlink()


def remove_output(path):
    if path.is_absolute() or path.parts[0] != "results":
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def prepare_jobs():
    """Tell every job when the command was given, so that it knows what was finished since.

    In a job, a scheduler's warning is for the command that runs: it must not end the Snakemake around that.
    """
    if workflow.is_main_process:
        os.environ[ASKED_AT] = datetime.now(UTC).isoformat(timespec="seconds")
        if (
            workflow.resource_settings.nodes is None
        ):  # a scheduler knows its jobs, and keeps them
            os.environ[WORKS_IN] = str(Path.cwd())
        return
    for warning in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(warning, signal.SIG_IGN)


def heed_interrupts():
    """An interrupt ends Snakemake with its jobs, too. asyncio, in which it builds the DAG, would take it and may lose it.

    Where interrupts are ignored, as of what a script puts into the background, they stay so.
    """
    if (
        workflow.is_main_process
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        signal.signal(signal.SIGINT, _end_jobs)


def end_with_jobs():
    """From now on, SIGTERM ends Snakemake as an interrupt of its terminal does: with its jobs, in seconds.

    Snakemake itself would wait for all that runs. A training that is asked to end writes a checkpoint first.
    """
    if workflow.is_main_process:
        signal.signal(signal.SIGTERM, _end_jobs)


def _end_jobs(*_):
    for job in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            job.terminate()
    raise KeyboardInterrupt
