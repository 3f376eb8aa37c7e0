"""Stands for the `vita` command where only the workflow is under test: writes the declared files, computes nothing.

Every call is noted in calls.log. While a file named `hold` lies in the working directory, training stops half-way.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import yaml


def main(arguments: list[str]) -> None:
    command = " ".join(word for word in arguments[:2] if not word.startswith("--"))
    given = dict(pairwise(arguments))
    with Path("calls.log").open("a") as log:
        log.write(" ".join(arguments) + "\n")
    COMMANDS[command](given)


def synth(given: dict[str, str]) -> None:
    root = Path(yaml.safe_load(Path(given["--dataset"]).read_text())["root"])
    for split in ("train", "valid"):
        write(root / split / "instances.json", "{}")


def split(given: dict[str, str]) -> None:
    write(Path(given["--out"]), "{}")


def train(given: dict[str, str]) -> None:
    config = Path(given["--config"])
    write(config.with_name("model.safetensors"), config.read_text())
    while Path("hold").exists():
        time.sleep(0.05)
    write(config.with_name("history.csv"), "step\n")
    write(config.with_name("record.json"), json.dumps({"config": yaml.safe_load(config.read_text())}))


def predict(given: dict[str, str]) -> None:
    for name, options in yaml.safe_load(Path(given["--plan"]).read_text())["variants"].items():
        write(Path(given["--out"]) / f"{name}.json", json.dumps([name, options]))
    for name in ("frame_detector.json", "predict_record.json"):
        write(Path(given["--out"]).with_name(name), Path(given["--weights"]).read_text())


def copy(given: dict[str, str]) -> None:
    source = given.get("--pred") or given["--runs"]
    out = Path(given["--out"])
    for path in [out] if "--spec" not in given else [out, out.with_suffix(".md"), out.with_suffix(".tex")]:
        write(path, source)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


COMMANDS = {
    "data synth": synth,
    "data split": split,
    "train": train,
    "predict": predict,
    "evaluate": copy,
    "table runs": copy,
    "table build": copy,
}

if __name__ == "__main__":
    main(sys.argv[1:])
