"""Stands for the `vita` command where only the workflow is under test: writes the declared files, computes nothing.

Every call is noted in calls.log. While a file named `hold` lies in the working directory, training stops half-way.
A file `broken` there holds, a line each, "command part-of-a-path"; such calls fail with an error message.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import yaml


def main(arguments: list[str]) -> None:
    subcommands = ("data", "table", "figure", "convert")
    command = " ".join(arguments[:2] if arguments[0] in subcommands else arguments[:1])
    with Path("calls.log").open("a") as log:
        log.write(" ".join(arguments) + "\n")
    fail_if_broken(command, " ".join(arguments))
    COMMANDS[command](dict(pairwise(arguments)), arguments)


def fail_if_broken(command: str, line: str) -> None:
    broken = Path("broken")
    for entry in broken.read_text().splitlines() if broken.exists() else []:
        which, part = entry.split()
        if which == command and part in line:
            sys.exit(f"error: {part} is broken")


def synth(given: dict[str, str], _: list[str]) -> None:
    root = Path(yaml.safe_load(Path(given["--dataset"]).read_text())["root"])
    for split in ("train", "valid"):
        write(root / split / "instances.json", "{}")


def split(given: dict[str, str], _: list[str]) -> None:
    write(Path(given["--out"]), "{}")


def train(given: dict[str, str], _: list[str]) -> None:
    config = Path(given["--config"])
    write(config.with_name("model.safetensors"), config.read_text())
    while Path("hold").exists():
        time.sleep(0.05)
    write(config.with_name("history.csv"), "step\n")
    write(config.with_name("record.json"), json.dumps({"config": yaml.safe_load(config.read_text())}))


def predict(given: dict[str, str], _: list[str]) -> None:
    for name, options in yaml.safe_load(Path(given["--plan"]).read_text())["variants"].items():
        write(Path(given["--out"]) / f"{name}.json", json.dumps([name, options]))
    for name in ("frame_detector.json", "predict_record.json"):
        write(Path(given["--out"]).with_name(name), Path(given["--weights"]).read_text())


def evaluate(given: dict[str, str], _: list[str]) -> None:
    write(Path(given["--out"]), Path(given["--pred"]).read_text())


def collect(given: dict[str, str], arguments: list[str]) -> None:
    """One line a run: how it ended."""
    configs = {"--runs": "config.yaml", "--failed": "config.yaml", "--external": "external.yaml"}
    lines = [f"{value} {option[2:]}" for option, value in pairwise(arguments) if option in configs]
    for line in lines:
        assert Path(line.split()[0], configs[f"--{line.split()[1]}"]).exists(), line
    write(Path(given["--out"]), "\n".join([*lines, ""]))


def build(given: dict[str, str], _: list[str]) -> None:
    beside(given, ".csv", ".md", ".tex", ".html")


def draw(given: dict[str, str], _: list[str]) -> None:
    beside(given, ".pdf", ".png", ".csv")


def claims(given: dict[str, str], arguments: list[str]) -> None:
    for option, folder in pairwise(arguments):
        if option == "--table":
            assert Path(folder, "spec.yaml").exists() and Path(folder, "runs.csv").exists(), folder
    write(Path(given["--out"]).with_suffix(".md"), "")
    write(Path(given["--out"]).with_suffix(".html"), "<p>claims</p>")
    write(Path(given["--out"]), "id,verdict\n")


def models(given: dict[str, str], _: list[str]) -> None:
    write(Path(given["--out"]), "method\n")
    write(Path(given["--out"]).with_suffix(".md"), "")


def probe(given: dict[str, str], _: list[str]) -> None:
    write(Path(given["--out"]), Path(given["--case"]).read_text())


def frames(given: dict[str, str], arguments: list[str]) -> None:
    """What the probes say, in every form."""
    said = [Path(path).read_text() for option, path in pairwise(arguments) if option == "--probe"]
    for suffix in (".csv", ".md", ".tex", ".html"):
        write(Path(given["--out"]).with_suffix(suffix), "\n".join(said))


def memory(given: dict[str, str], _: list[str]) -> None:
    write(Path(given["--out"]), "")
    write(Path(given["--out"]).with_suffix(".png"), PIXEL)


def beside(given: dict[str, str], *suffixes: str) -> None:
    """What the runs' table says, in every form."""
    text = Path(given["--runs"]).read_text()
    assert Path(given["--spec"]).exists()
    for suffix in suffixes:
        write(Path(given["--out"]).with_suffix(suffix), PIXEL if suffix == ".png" else text)


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


PIXEL = bytes.fromhex(  # a whole PNG
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
COMMANDS = {
    "data synth": synth,
    "data split": split,
    "train": train,
    "predict": predict,
    "evaluate": evaluate,
    "table runs": collect,
    "table build": build,
    "table frames": frames,
    "figure memory": memory,
    "figure convergence": draw,
    "figure qualitative": draw,
    "claims": claims,
    "models": models,
    "probe": probe,
}

if __name__ == "__main__":
    main(sys.argv[1:])
