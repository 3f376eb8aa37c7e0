"""One self-describing record a run: what ran, on what, how long, and how it ended."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

from vita.core.files import write_json

EVERY_RUN = ("core", "data", "evaluation", "blocks", "engine")  # rooms of `vita`
PACKAGES = (
    "vita-bench",
    "torch",
    "transformers",
    "accelerate",
    "numpy",
    "numba",
    "pycocotools",
    "scipy",
    "safetensors",
)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def package_versions() -> dict[str, str]:
    """Of the packages that results may depend on."""
    return {package: version(package) for package in PACKAGES}


def machine_name() -> str:
    """Its system, kind of processor and number of cores; no name of its own."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"


def peak_host_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def device_name(device: torch.device) -> str:
    """What the tables call the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def source_digest(method_package: Path) -> str:
    """Twelve hexadecimal digits over the code that every run passes through, and after + twelve over the method's own.

    Tables warn when runs of different code meet. Code that only reports or only parses a command line is left out.
    """
    package = Path(__file__).parents[1]
    shared = [path for room in EVERY_RUN for path in (package / room).rglob("*.py")]
    own = [method_package] if method_package.is_file() else list(method_package.rglob("*.py"))
    return f"{_digest_of(shared, package)}+{_digest_of(own, method_package)}"


def _digest_of(paths: Sequence[Path], root: Path) -> str:
    combined = hashlib.sha256()
    for path in sorted(paths):
        combined.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return combined.hexdigest()[:12]


@dataclass
class Record:
    """Written at the end of training and of prediction, and when training fails. Units are in the names."""

    task: Literal["train", "predict"]
    config: dict[str, Any]
    config_digest: str
    seed: int
    status: Literal["running", "finished", "failed"] = "running"
    error: str | None = None
    source_digest: str = ""  # until the method is found
    versions: dict[str, str] = field(default_factory=package_versions)
    python: str = field(default_factory=platform.python_version)
    machine: str = field(default_factory=machine_name)
    device: str = "cpu"
    processes: int = 1
    threads: int = 1
    iterations: int = 0
    resumed_at: list[int] = field(default_factory=list)  # iterations at which the run was taken up again
    train_time_s: float = 0.0
    predict_time_s: float = 0.0
    part: str | None = None  # of the data set, whose videos were predicted
    frames: int = 0
    streamed_videos: int = 0  # predicted that were too long to be kept in memory
    peak_host_memory_bytes: int = 0
    peak_device_memory_bytes: int = 0
    started_at: str = field(default_factory=_now)
    ended_at: str | None = None
    weights_sha256: str | None = None
    started_from: dict[str, Any] | None = None  # file, its digest, class heads re-initialised, parts it lacked

    def write(self, path: Path) -> None:
        """Complete the record and write it."""
        self.ended_at = _now()
        self.peak_host_memory_bytes = peak_host_memory()
        if torch.cuda.is_available():
            self.peak_device_memory_bytes = torch.cuda.max_memory_allocated()
        write_json(path, asdict(self), indent=1)
