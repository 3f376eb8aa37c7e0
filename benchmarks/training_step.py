"""What one training step costs, in this checkout and in another one, measured through the `vita train` of each.

Three cases: a step of VITA on videos and one of its detector on images, as the smoke tier takes them (but from random
weights, and few videos), and one of the released model with ResNet-50 on a clip of two frames of 360 x 640.

Run: python benchmarks/training_step.py [--help]. Each repetition starts a process for either checkout, in turn, both by
the Python of this one: processor time of one thread counts, which hardly depends on what else the machine does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
import yaml
from tabulate import tabulate

from vita.core.dataset_config import DatasetConfig, ShapesConfig
from vita.core.run_config import RunConfig
from vita.data.synthetic.write import synthesise
from vita.engine.checkpoint import save_weights
from vita.experiments.run_table import RunTable
from vita.model.method import definition

HERE = Path(__file__).resolve().parents[1]
CHILD = Path(__file__).with_name("training_step_child.py")
SMOKE = "results/runs/smoke/shapes/vita/tiny"
CLASSES = 3  # of the embedded videos
LIBRARY = HERE / "workflow" / "config"
ENTRY_POINTS = ("vita.methods", "vita.inference_wrappers", "vita.procedures", "vita.watchers")  # of the past too


@dataclass(frozen=True)
class Case:
    """A run of the smoke tier, what differs from it, and how often it steps. floor: of the ratio."""

    name: str
    run: str
    warmup: int
    steps: int
    floor: float
    size: tuple[int, int] = (64, 96)
    train: dict[str, Any] | None = None
    options: dict[str, Any] | None = None  # in the place of the tier's


FULL_SIZE = {"clips_per_batch": 1, "clip_frames": 2}
CASES = {
    "videos": Case("smoke, videos", f"{SMOKE}/base/seed0", 4, 10, 1.6),
    "images": Case("smoke, images", "results/runs/smoke/shapes_images/vita/tiny/pretrain/seed0", 4, 10, 0),
    "r50": Case("R50, 2 x 360 x 640", f"{SMOKE}/base/seed0", 1, 2, 1.2, (360, 640), FULL_SIZE, {}),
}


def write_config(case: Case, folder: Path) -> dict[str, Any]:
    """The run's configuration, its data written; without keys that are at their defaults, which others may not know."""
    config: RunConfig = RunTable(LIBRARY / "smoke.yaml", LIBRARY).find(case.run).config
    whole = config.model_dump(mode="json", exclude_defaults=True, exclude={"start_from", "validation"})
    whole["dataset"] = _write_data(config.dataset, case, folder)
    if config.pseudo_videos is not None:
        whole["pseudo_videos"]["dataset"] = _write_data(config.pseudo_videos.dataset, case, folder)
    unwanted = ("decay_at", "validate_every", "validate_videos", "checkpoint_every", "workers")
    steps = {"iterations": case.warmup + case.steps + 1, "checkpoint_every": 10_000}
    whole["train"] = {k: v for k, v in whole["train"].items() if k not in unwanted} | steps | (case.train or {})
    if case.options is not None:
        whole["options"] = case.options
        whole["start_from"] = str(_write_weights(case.options, folder / "weights.safetensors"))
    return whole


def _write_weights(options: dict[str, Any], path: Path) -> Path:
    """Random weights in a file: norms that are constants are not trained from nothing."""
    torch.manual_seed(0)
    save_weights(definition.build(options, CLASSES).state_dict(), path)
    return path


def _write_data(dataset: DatasetConfig, case: Case, folder: Path) -> dict[str, Any]:
    """A data set like the tier's, of few videos."""
    assert dataset.shapes is not None
    root = folder / f"{dataset.name}_{case.size[0]}"
    size = {"height": case.size[0], "width": case.size[1]}
    shapes = ShapesConfig(**{**dict(dataset.shapes), **size, "train_videos": 24, "valid_videos": 1, "valid_frames": 1})
    if not root.exists():
        synthesise(shapes, root)
    splits = {
        split: {"annotations": f"{split}/instances.json", "frames": f"{split}/JPEGImages"}
        for split in ("train", "valid")
    }
    return {"name": dataset.name, "root": str(root), **splits}


def tell_entry_points(checkout: Path, folder: Path) -> str:
    """A PYTHONPATH under which a checkout is found, with the methods that it knows, whatever is installed."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = folder / f"{project['name'].replace('-', '_')}-0.dist-info"
    told.mkdir(parents=True, exist_ok=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n", encoding="utf-8")
    groups = {name: project["entry-points"][name] for name in ENTRY_POINTS if name in project["entry-points"]}
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups.items()]
    (told / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return os.pathsep.join([str(folder), str(checkout)])


@dataclass(frozen=True)
class Cost:
    """Of a step, the median of one process: milliseconds of the processor and on the clock; operators of one step."""

    processor: float
    clock: float
    operators: int


def measure(case: Case, config: dict[str, Any], python_path: str) -> Cost:
    """One training in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(CHILD), str(file), str(case.warmup)],
            capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, "PYTHONPATH": python_path},
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{case.name}, PYTHONPATH {python_path}:\n{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    processor, clock = (1000 * median(step[which] for step in told["steps"]) for which in (0, 1))
    return Cost(processor, clock, told["operators"])


def compare(case: Case, against: Path | None, repetitions: int, folder: Path) -> list[Any]:
    """One line of the printed table."""
    config = write_config(case, folder)
    checkouts = [HERE] if against is None else [HERE, against.resolve()]
    paths = [tell_entry_points(one, folder / str(number)) for number, one in enumerate(checkouts)]
    rounds = [[measure(case, config, path) for path in paths] for _ in range(repetitions)]
    ours = [costs[0] for costs in rounds]
    row = [case.name, median(cost.processor for cost in ours), median(cost.clock for cost in ours), ours[0].operators]
    if against is None:
        return [*row, None, None, None, None]
    theirs = [costs[1] for costs in rounds]
    ratio = median(other.processor / own.processor for own, other in rounds)
    return [*row, median(cost.processor for cost in theirs), theirs[0].operators, ratio, case.floor or None]


def main(
    against: Annotated[Path | None, typer.Option(help="Another checkout, as a worktree of an earlier commit.")] = None,
    case: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(CASES)}, all if none is given.")] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Processes of either checkout.")] = 7,
) -> None:
    """Measure training steps; exit with 1 where a ratio is below its floor."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare(CASES[name], against, repetitions, Path(folder)) for name in case or CASES]
    headers = ["step", "CPU [ms]", "clock [ms]", "operators", "other CPU [ms]", "other operators", "CPU ratio", "floor"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", ".0f", ".0f", ".0f", ".0f", ".0f", ".2f", ".1f")))
    raise typer.Exit(int(any(row[-1] and row[-2] < row[-1] for row in rows)))


if __name__ == "__main__":
    typer.run(main)
