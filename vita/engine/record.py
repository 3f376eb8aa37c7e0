"""One self-describing record a run: what ran, on what, how long, and how it ended."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vita.core.config_base import Frozen, digest
from vita.core.contract import Interrupted, UserError
from vita.core.files import sha256
from vita.core.records import HISTORY_FILE, TRAINING_FILE, PredictionRecord, RunRecord, TrainingRecord, write_record
from vita.core.run_config import PredictConfig, RunConfig
from vita.core.written_files import digests
from vita.data.dataset import Part, find_files
from vita.data.local_split import check_drawn
from vita.engine.processes import Processes
from vita.engine.work_folder import Holder

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
    """Versions of the packages that results may depend on."""
    return {package: version(package) for package in PACKAGES}


def machine_name() -> str:
    """Its system, kind of processor and number of cores; no name of its own."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"


def peak_host_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def device_name(device: torch.device) -> str:
    """The name of a device as tables show it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def source_digest(method_package: Path) -> str:
    """Twelve hexadecimal digits over the code that every run passes through, and after + twelve over the method's own.

    Tables warn when runs of different code meet. Code that only reports or only parses a command line is left out.
    """
    package = Path(__file__).parents[1]
    shared = [path for room in EVERY_RUN for path in (package / room).rglob("*.py")]
    return f"{_digest_of(shared, package)}+{digest_of_sources(method_package)}"


def digest_of_sources(place: Path) -> str:
    """Twelve hexadecimal digits over a module, or over all modules in a folder: their paths in it and their bytes."""
    return _digest_of([place] if place.is_file() else list(place.rglob("*.py")), place)


def _digest_of(paths: Sequence[Path], root: Path) -> str:
    combined = hashlib.sha256()
    for path in sorted(paths):
        combined.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return combined.hexdigest()[:12]


def data_digest(config: RunConfig) -> str:
    """Twelve hexadecimal digits over the labels that a training reads. Raises UserError when some are not there."""
    parts: list[Part] = ["train", "valid"] if config.train.validates else ["train"]
    files = [find_files(config.dataset, part) for part in parts]
    if config.pseudo_videos:
        files.append(find_files(config.pseudo_videos.dataset, "train"))
    combined = hashlib.sha256()
    for one in files:
        if one.ids:
            check_drawn(one.ids)
        for path in (one.annotations, *([one.ids] if one.ids else [])):
            combined.update(sha256(path).encode())
    return combined.hexdigest()[:12]


def new_training_record(config: RunConfig) -> TrainingRecord:
    """The record of a training that begins now, on this machine."""
    return TrainingRecord(**_begun(config, config.seed), threads=config.train.threads)


def new_prediction_record(config: RunConfig, plan: PredictConfig) -> PredictionRecord:
    """As `new_training_record`, of predictions with the weights of a run."""
    return PredictionRecord(**_begun(plan, config.seed), threads=plan.threads)


def _begun(section: Frozen, seed: int) -> dict[str, Any]:
    return {
        "config": section.model_dump(mode="json"),
        "config_digest": digest(section),
        "seed": seed,
        "source_digest": "",  # until the method is found
        "versions": package_versions(),
        "python": platform.python_version(),
        "machine": machine_name(),
        "device": "cpu",
        "started_at": _now(),
    }


def write_ended(record: RunRecord, path: Path) -> None:
    """Complete the record of a run that ends now, and write it."""
    record.ended_at = _now()
    history = path.with_name(HISTORY_FILE)
    if path.name == TRAINING_FILE and record.status == "finished" and history.exists():
        record.files_sha256 = digests(path.parent, [history])
    record.peak_host_memory_bytes = peak_host_memory()
    if torch.cuda.is_available():
        record.peak_device_memory_bytes = torch.cuda.max_memory_allocated()
    write_record(path, record)


def write_broken_off(
    record: TrainingRecord, error: BaseException, path: Path, processes: Processes, holder: Holder | None
) -> None:
    """Write how a training ended that is not finished; `path` is the record's, `holder` that of the folder's lock.

    All processes are interrupted together, and the holder tells. Of those that fail, the first tells why; others miss
    it.
    """
    if isinstance(error, Interrupted):
        if not holder:
            return
        record.status = "interrupted"
        holder.tell(f"interrupted {error}")
    elif processes.count > 1 and path.exists():
        return
    else:
        where = f"process {processes.rank} of {processes.count}: " if processes.count > 1 else ""
        record.status, record.error = "failed", f"{where}{type(error).__name__}: {error}"
    with suppress(UserError):  # on a full disk, the first error is the one to tell
        write_ended(record, path)
