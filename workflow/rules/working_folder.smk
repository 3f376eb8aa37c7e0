# Who works in this folder. A killed Snakemake leaves its lock and half-made outputs; the kernel, unlike a lock file,
# knows whether it still lives, so the same command can clean up after it and go on.

import fcntl
import shutil
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

from snakemake.exceptions import WorkflowError

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


def claim_folder():
    """Hold the folder until this process ends. Whoever gets it finds only the leavings of the dead."""
    looks_only = any(word.startswith(LOOKS_ONLY) for word in sys.argv[1:])
    if looks_only or not workflow.is_main_process:
        return
    Path(".snakemake").mkdir(exist_ok=True)
    # Close-on-exec: jobs do not inherit it.
    claim = Path(".snakemake/claim.lock").open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = "another Snakemake is at work in this folder; wait for its end, or end it, and call again"
        raise WorkflowError(message) from None
    except OSError:
        return  # a file system without such locks: `snakemake --unlock` is left to the user
    workflow.globals["_claim"] = claim
    for lock in Path(".snakemake/locks").glob("*.lock"):
        lock.unlink()
    remove_half_made()


def remove_half_made():
    """Delete the outputs of jobs that were cut off, with Snakemake's marks of them. Cluster jobs may still run."""
    marks = Path(".snakemake/incomplete")
    for mark in [
        path
        for path in marks.rglob("*")
        if path.is_file() and path.name != "migration_underway"
    ]:
        if '"external_jobid": null' not in mark.read_text():
            continue
        code = "".join(part.removeprefix("@") for part in mark.relative_to(marks).parts)
        remove_output(Path(urlsafe_b64decode(code).decode()))
        mark.unlink()


def remove_output(path):
    if path.is_absolute() or path.parts[0] != "results":
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
