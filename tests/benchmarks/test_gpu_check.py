"""`benchmarks/gpu.py`: all of it small on a CPU, and each part of it on a card."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
PARTS = ("conformance", "predictions", "steps", "frames", "resume", "probe")
# What the image of a machine with a card need not have; also not in the processes that the check starts.
NOT_THERE = ("snakemake", "tabulate", "matplotlib", "av", "pynvml")
WITHOUT = f"""
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name in {NOT_THERE} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Hiding, sys.meta_path)
"""


def gpu_check(*arguments: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} if path else dict(os.environ)
    if path:
        (path / "sitecustomize.py").write_text(WITHOUT)
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, str(BENCHMARK), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_all_of_it_on_a_cpu_without_what_an_image_may_lack(tmp_path: Path) -> None:
    out = tmp_path / "told.json"
    ended = gpu_check("--device", "cpu", "--out", out, path=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(out.read_text())
    assert told["machine"]["device"] == "cpu" and tuple(told["parts"]) == PARTS
    lines = [line for part in told["parts"].values() for line in part["lines"]]
    # What compares the CPU with itself, or its speeds, is never told as passed.
    about_a_card = [line for line in lines if " CPU and here" in line["name"] or "against 32 bits" in line["name"]]
    assert {line["outcome"] for line in about_a_card if "TF32 on" not in line["name"]} == {"not on a card"}
    assert {line["outcome"] for line in lines} == {"pass", "noted", "not on a card", "not on two cards"}
    assert all(any(line["outcome"] == "pass" for line in told["parts"][name]["lines"]) for name in PARTS[:3])
    # One line each; of a CPU no cell for the table of cards.
    assert len([text for text in ended.stdout.splitlines() if text.split(maxsplit=1)[0] in ("pass", "noted")]) + len(
        [text for text in ended.stdout.splitlines() if text.startswith("not on ")]
    ) == len(lines)
    assert all(part["cells"] == {} for part in told["parts"].values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so(tmp_path: Path) -> None:
    ended = gpu_check("--out", tmp_path / "told.json")
    assert ended.returncode == 2
    assert ended.stderr == "error: --device cuda: PyTorch finds no card here; use --device cpu\n"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no card here")
@pytest.mark.parametrize("part", PARTS)
def test_on_a_card(tmp_path: Path, part: str) -> None:
    ended = gpu_check("--device", "cuda", "--part", part, "--out", tmp_path / "told.json")
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
