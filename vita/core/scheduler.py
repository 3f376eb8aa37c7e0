"""The job of a scheduler that this process is a part of."""

from __future__ import annotations

import os

JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")  # of SLURM, PBS, LSF, and Grid Engine


def job_number() -> str | None:
    """What the scheduler calls the job; None outside any."""
    return next((os.environ[name] for name in JOB_VARIABLES if name in os.environ), None)
