"""A training that is killed goes on: `kill -9` in mid-training, then the same command again; and two processes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from gpu_check.report import Bench, Item, Report
from gpu_check.scenes import LIBRARY
from vita.core.config_base import dump, parse
from vita.core.dataset_config import ShapesConfig
from vita.core.records import TRAINING_FILE, TrainingRecord, read_record
from vita.core.run_config import RunConfig
from vita.data.synthetic.write import synthesise
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file, overlay

ITERATIONS, EVERY = 40, 5
CONTINUES = 0.05  # relative: of the loss of any row, on a card, where sums have no fixed order
TWO_PROCESSES = 0.02  # relative: of the loss of the first row; trained norms see half of the batch each
TIMEOUT_S = 200.0
LAUNCH_TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")

Rows = list[dict[str, str]]


def items(bench: Bench) -> Iterator[Item]:
    """One training for both."""
    yield "resuming", killed_and_resumed


def killed_and_resumed(report: Report) -> None:
    """The same training without an interruption, and with one."""
    with TemporaryDirectory(prefix="vita-gpu-") as folder:
        root, bench = Path(folder), report.bench
        synthesise(videos(), root / "videos")
        whole, cut = (write_run(root / name, root / "videos") for name in ("whole", "cut"))
        finish(start(bench, whole))
        kill_after_checkpoint(start(bench, cut), cut)
        finish(start(bench, cut))
        compare(report, whole, cut)
        if torch.cuda.device_count() < 2 or not bench.is_card:
            report.add("two processes", "not run", f"first loss < {TWO_PROCESSES:g} away", "not on two cards")
        else:
            two = write_run(root / "two", root / "videos")
            finish(start(bench, two, LAUNCH_TWO))
            first, other = (float(rows_of(run)[0]["total"]) for run in (two, whole))
            away = abs(first / other - 1)
            report.held("two processes", f"first loss {away:.1e} away", f"< {TWO_PROCESSES:g}", away < TWO_PROCESSES)


def videos() -> ShapesConfig:
    """Three to train on, of 6 frames."""
    sizes = {"train_frames": 6, "valid_frames": 6, "height": 32, "width": 48}
    return ShapesConfig(seed=3, train_videos=3, valid_videos=1, max_objects=3, **sizes)


def write_run(folder: Path, root: Path) -> Path:
    """The folder of a run of VITA's tiny preset with its config.yaml."""
    described = load_file(MethodConfig, LIBRARY / "vita.yaml")
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    schedule = {"iterations": ITERATIONS, "clips_per_batch": 2, "clip_frames": 2, "frame_range": 3}
    content: dict[str, Any] = {
        "tier": "gpu_check",
        "dataset": {"name": "shapes", "root": str(root), **splits},
        "method": "vita",
        "backbone": "tiny",
        "variant": "base",
        "seed": 0,
        "options": overlay(described.presets["tiny"], described.backbones["tiny"]),
        "train": {**schedule, "learning_rate": 1e-4, "checkpoint_every": EVERY},
    }
    folder.mkdir()
    (folder / "config.yaml").write_text(dump(parse(RunConfig, content, "the check's run")), encoding="utf-8")
    return folder


def start(bench: Bench, run: Path, launcher: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """`vita train` on the device of the check."""
    hidden = {} if bench.is_card else {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *launcher, "-m", "vita", "train", "--config", str(run / "config.yaml")]
    log = (run / "log").open("ab")
    return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **hidden}, start_new_session=True)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for it, and end it where that is cut off. Raises CalledProcessError when it fails."""
    try:
        code = process.wait(TIMEOUT_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if code:
        raise subprocess.CalledProcessError(code, "vita train")


def kill_after_checkpoint(process: subprocess.Popen[bytes], run: Path) -> None:
    """As soon as there is a checkpoint to go on from. Raises RuntimeError when it ends before."""
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while not (run / "work" / "last.pt").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != -signal.SIGKILL or (run / "model.safetensors").exists():
        raise RuntimeError(f"the training ended before it could be killed, see {run / 'log'}")


def compare(report: Report, whole: Path, cut: Path) -> None:
    """Where it went on, and how far its losses and its weights are from those of the other."""
    one, other = (read_record(TrainingRecord, run / TRAINING_FILE) for run in (whole, cut))
    at = other.resumed_at
    goes_on = len(at) == 1 and at[0] > 0 and at[0] % EVERY == 0 and not one.resumed_at
    report.held("killed with kill -9", f"went on at step {at}", f"one multiple of {EVERY}", goes_on)
    rows, others = rows_of(whole), rows_of(cut)
    same_steps = [row["step"] for row in rows] == [row["step"] for row in others]
    away = max(abs(float(a["total"]) / float(b["total"]) - 1) for a, b in zip(rows, others, strict=True))
    wanted = CONTINUES if report.bench.is_card else 0.0
    curve = f"{len(others)} rows, losses at most {away:.1e} away"
    report.held("loss curve of a resumed run", curve, f"the same steps, <= {wanted:g}", same_steps and away <= wanted)
    equal = one.weights_sha256 == other.weights_sha256
    said = "equal bytes" if equal else "other bytes"
    if report.bench.is_card:
        report.note("weights of a resumed run", said)
    else:
        report.held("weights of a resumed run", said, "equal bytes", equal)


def rows_of(run: Path) -> Rows:
    """History of a run."""
    with (run / "history.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
