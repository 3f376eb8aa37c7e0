"""The jobs of growth.py. Each prepares its files in a folder, and gives what is then timed.

Legend: T frames.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from evaluator_cases import Case, write_case
from prediction import TOP_K, PaintedFrames, build, paint
from prediction import Case as Video

from vita.core.config_base import dump
from vita.core.dataset_config import ShapesConfig
from vita.data.check.expectations import choose_targets
from vita.data.check.report import check_data
from vita.data.synthetic.write import synthesise
from vita.engine.inference_plan import read_plan
from vita.evaluation.evaluate_file import EvaluationOptions, evaluate_file
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file
from vita.experiments.run_table import RunTable
from vita.model.method import definition
from vita.report.runs.tidy_rows import collect_runs
from vita.report.tables.table import build_table

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "workflow" / "config"
Work = Callable[[], object]


@dataclass(frozen=True)
class Job:
    """unit: of what there is more.  prepare: of a size, a folder of its own and the folder of a finished run."""

    unit: str
    prepare: Callable[[int, Path, Path], Work]


def predict(size: int, folder: Path, run: Path) -> Work:
    """One video, T frames of 64 x 96; the smoke model with random weights."""
    torch.set_num_threads(1)
    case = Video("smoke model", "tiny", "tiny", 3, 64, 96, 32 * size, 1)
    model = build(case, load_file(MethodConfig, LIBRARY / "methods" / "vita.yaml"), None)
    frames: PaintedFrames = paint(case)
    plan = read_plan(definition, {"intact": {}})

    def work() -> None:
        with torch.no_grad():
            plan.predict(model, frames, TOP_K)  # type: ignore[arg-type]

    return work


def _evaluate(case: Case, folder: Path) -> Work:
    folder.mkdir()
    files = write_case(case, folder)
    options = EvaluationOptions(draws=1000, seed=0)
    return lambda: evaluate_file(options, files.ground_truth, files.predictions, None, None)


def evaluate_videos(size: int, folder: Path, run: Path) -> Work:
    """Videos of 10 frames, with an interval of a thousand draws."""
    case = Case("videos", 16 * size, 10, 10, objects=4, predictions=10, height=180, width=320)
    return _evaluate(case, folder)


def evaluate_categories(size: int, folder: Path, run: Path) -> Work:
    """The same objects in more and more categories."""
    return _evaluate(Case("categories", 32, 10, 10 * size, objects=8, predictions=30, height=180, width=320), folder)


def check_frames(size: int, folder: Path, run: Path) -> Work:
    """Videos of 36 frames, every frame opened."""
    shapes = ShapesConfig(train_videos=8 * size, valid_videos=1, train_frames=36, valid_frames=1)
    synthesise(shapes, folder)
    targets = choose_targets(None, folder / "train" / "instances.json", folder / "train" / "JPEGImages", ())
    return lambda: _silent(lambda: check_data(None, targets, quick=False, strict=False, workers=1, out=None))


def tables(size: int, folder: Path, run: Path) -> Work:
    """Runs, collected and made into Table 6: seeds of the same run under other numbers."""
    seeds = [_copied(run, folder / "runs" / f"seed{seed}", seed) for seed in range(8 * size)]
    spec = folder / "spec.yaml"
    spec.write_text(dump(RunTable(LIBRARY / "smoke.yaml", LIBRARY).specs["table6"]), encoding="utf-8")

    def work() -> None:
        collect_runs(seeds, folder / "runs.csv")
        build_table(spec, folder / "runs.csv", folder / "table6.csv")

    return work


def _copied(run: Path, folder: Path, seed: int) -> Path:
    kept = ("record.json", "predict_record.json", "inference.yaml", "history.csv")
    folder.mkdir(parents=True)
    for name in kept:
        shutil.copy(run / name, folder)
    shutil.copytree(run / "metrics", folder / "metrics")
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    record["seed"] = record["config"]["seed"] = seed
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")) | {"seed": seed}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def dry_run(size: int, folder: Path, run: Path) -> Work:
    """`snakemake -n` of a tier with more and more seeds; its start-up is part of it."""
    folder.mkdir()
    content = yaml.safe_load((LIBRARY / "smoke.yaml").read_text(encoding="utf-8"))
    content |= {"seeds": list(range(4 * size)), "experiments": ["table6", "controls", "table3"], "fewer_seeds": {}}
    tier = folder / "tier.yaml"
    tier.write_text(yaml.safe_dump(content), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "-n", "-q", "-s", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return lambda: subprocess.run([*command, "--config", f"tier={tier}"], check=True, stdout=subprocess.DEVNULL)


def _silent(work: Work) -> Any:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return work()


JOBS = {
    "predict": Job("32 frames", predict),
    "evaluate, videos": Job("16 videos", evaluate_videos),
    "evaluate, categories": Job("10 categories", evaluate_categories),
    "data check": Job("288 frames", check_frames),
    "tables": Job("8 runs", tables),
    "snakemake -n": Job("4 seeds", dry_run),
}
