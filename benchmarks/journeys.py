"""What users do first, command by command, each with its time: does it work, and how long does one wait?

Run: python benchmarks/journeys.py FOLDER [--journey NAME ...], in an environment that `make venv` made. FOLDER must be
empty or new; what is made lies there, and what each command said in FOLDER/JOURNEY/log. Everything takes some 20
minutes on two cores. Exit code 1 when a command fails, which ends its journey.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import yaml
from PIL import Image
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
NANO = ROOT / "tests" / "workflow"  # a tier of seconds, and its data set
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT, FRAMES = 320, 180, 24  # of own videos


@dataclass(frozen=True)
class Step:
    """One command, and where it is given. what: for people."""

    what: str
    words: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)


Journey = Callable[[Path], Iterator[Step]]


def laptop(place: Path) -> Iterator[Step]:
    """A reviewer: two commands, and the report in a browser where there is one."""
    clone, page = place / "clone", place / "clone" / "report.html"
    yield Step("clone", ["git", "clone", "--quiet", str(ROOT), str(clone)], place)
    yield Step("make table6, with the installation", ["make", f"PYTHON={sys.executable}", "table6"], clone)
    yield Step("make report", ["make", "report"], clone)
    browser = os.environ.get("BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise LookupError("no Chromium here: the report was made and not opened; BROWSER names one")
    picture = [f"--screenshot={place / 'report.png'}", "--window-size=1400,2000", page.as_uri()]
    yield Step("open the report", [browser, "--headless", "--no-sandbox", *picture], place)


def own_data(place: Path) -> Iterator[Step]:
    """Three videos with outlines to a table and a picture, as docs/own_data.md goes."""
    paint_videos(place / "mine")
    dataset, tier = "mine/datasets/mine.yaml", {name: {"use": "mine"} for name in ("ytvis_2019", "ovis", "coco")}
    (place / "mine" / "tier.yaml").write_text(yaml.safe_dump({"extends": "laptop", "tier": "mine", "datasets": tier}))
    data = ["mine/labels", "--frames", "mine/frames", "--out", "mine/data", "--dataset", dataset]
    yield Step("import outlines", vita("data", "import", *data), place)
    yield Step("check", vita("data", "check", "--dataset", dataset), place)
    targets = ["table6", "results/figure6/figure6.png", "--cores", "2", "--tier", "mine/tier.yaml"]
    yield Step("what will it cost", vita("plan", "--tier", "mine/tier.yaml"), place)
    yield Step("table and picture", vita("run", *targets), place)


def external(place: Path) -> Iterator[Step]:
    """Results of other code beside ours; here they are ours under another name, of the nano tier."""
    tier = write_nano(place, experiments=["table1"], seeds=[0])
    yield Step("Table 1", vita("run", "table1", "--tier", tier, "--cores", "2"), place)
    ours = "results/runs/nano/nano_shapes/vita/tiny/base/seed0/predictions/intact.json"
    about = ["--name", "theirs", "--title", "Theirs", "--backbone", "ResNet-50", "--allow-empty"]
    yield Step("import", vita("import", ours, "--dataset", "tier/datasets/nano_shapes.yaml", *about), place)
    yield Step("Table 1 again", vita("run", "table1", "--tier", tier, "--cores", "2"), place)
    yield Step("its row is there", ["grep", "Theirs", "results/table1.csv"], place)


def wheel(place: Path) -> Iterator[Step]:
    """Installed from a wheel, in a folder where nothing else is."""
    built, empty, commands = place / "built", place / "empty", place / "environment" / "bin"
    empty.mkdir()
    python = [sys.executable, "-m"]
    yield Step("build the wheel", [*python, "pip", "wheel", "-q", "--no-deps", "-w", str(built), str(ROOT)], place)
    yield Step("an environment", [*python, "venv", str(commands.parent)], place)
    packages = ["-c", str(ROOT / "constraints.txt"), *map(str, built.iterdir())]
    yield Step("install it", [str(commands / "python"), "-m", "pip", "install", "-q", *packages], place)
    run = [str(commands / "vita"), "run", "table6", "--cores", "2"]
    yield Step("what would run", [*run, "--dry-run"], empty)
    yield Step("Table 6 of the nano tier", [*run, "--tier", write_nano(empty)], empty)


def cluster(place: Path) -> Iterator[Step]:
    """What would be sent to SLURM, whose plugin is installed beside."""
    site = place / "site"
    plugin = ["--no-deps", "snakemake-executor-plugin-slurm", "snakemake-executor-plugin-slurm-jobstep", "throttler"]
    packages = ["--target", str(site), "-c", str(ROOT / "constraints.txt"), *plugin]
    yield Step("install the plugin", [sys.executable, "-m", "pip", "install", "-q", *packages], place)
    run = vita("run", "table6", "--profile", "slurm", "--dry-run")
    yield Step("what would be sent", run, place, {"PYTHONPATH": str(site)})


JOURNEYS: dict[str, Journey] = {
    "laptop": laptop,
    "own-data": own_data,
    "external": external,
    "wheel": wheel,
    "cluster": cluster,
}


def vita(*words: str) -> list[str]:
    """A command of this environment."""
    return [str(Path(sys.executable).with_name("vita")), *words]


def write_nano(place: Path, **changes: object) -> str:
    """A copy of the nano tier, with its data set, in a folder; the tier's path in there."""
    shutil.copytree(NANO / "datasets", place / "tier" / "datasets")
    content = yaml.safe_load((NANO / "nano.yaml").read_text()) | changes
    (place / "tier" / "nano.yaml").write_text(yaml.safe_dump(content))
    return "tier/nano.yaml"


def paint_videos(place: Path) -> None:
    """Three videos of a square that goes right and down, with its outline in labelme's files."""
    for number, video in enumerate(("kitchen", "street", "yard")):
        frames, labels = place / "frames" / video, place / "labels" / video
        frames.mkdir(parents=True)
        labels.mkdir(parents=True)
        for t in range(FRAMES):
            left, top, side = 20 + 8 * t, 20 + 3 * t + 10 * number, 50
            corners = [[left, top], [left + side, top], [left + side, top + side], [left, top + side]]
            picture = np.full((HEIGHT, WIDTH, 3), 90 + 20 * number, dtype=np.uint8)
            picture[top : top + side, left : left + side] = (200, 60, 50)
            Image.fromarray(picture).save(frames / f"{t:05d}.jpg")
            shape = {"label": "box", "points": corners, "group_id": 1, "shape_type": "polygon", "flags": {}}
            document = {"imagePath": f"{t:05d}.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": [shape]}
            (labels / f"{t:05d}.json").write_text(json.dumps(document))


def travel(name: str, place: Path) -> tuple[list[list[object]], bool]:
    """Rows of (journey, command, seconds, how it ended), and whether all went well."""
    place.mkdir(parents=True)
    rows: list[list[object]] = []
    log = place / "log"
    try:
        for step in JOURNEYS[name](place):
            typer.echo(f"{name}: {step.what} ...", err=True)
            began = time.monotonic()
            with log.open("a", encoding="utf-8") as said:
                command = {"cwd": step.folder, "env": os.environ | step.environment, "stdout": said, "stderr": said}
                code = subprocess.run(step.words, check=False, **command).returncode  # type: ignore[call-overload]
            rows.append([name, step.what, round(time.monotonic() - began, 1), f"exit code {code}" if code else "well"])
            if code:
                typer.echo(f"{name}: {step.what}: exit code {code}; see {log}", err=True)
                return rows, False
    except LookupError as error:
        rows.append([name, "open the report", "", str(error.args[0])])
    return rows, True


def main(
    folder: Annotated[Path, typer.Argument(help="Empty or new: everything is made there.")],
    journey: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(JOURNEYS)}; all of them if none.")] = None,
) -> None:
    """See the module."""
    unknown = set(journey or []) - JOURNEYS.keys()
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: allowed: {', '.join(JOURNEYS)}")
    rows: list[list[object]] = []
    whole = True
    for name in journey or JOURNEYS:
        found, well = travel(name, folder.resolve() / name)
        rows, whole = rows + found, whole and well
    typer.echo(tabulate(rows, ["journey", "command", "seconds", "ended"], tablefmt="github"))
    raise typer.Exit(0 if whole else 1)


if __name__ == "__main__":
    typer.run(main)
