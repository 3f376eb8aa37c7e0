"""Random corruptions through the commands: check, train, predict, evaluate, submit; all use it, or the check tells.

`CORRUPTIONS=200 pytest` on this file tries as many; each takes a second or two.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import yaml
from checked_data import Data
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from mutations import damaged, spoilt
from tiny_run import Ended, configuration, vita, write_configuration

EXAMPLES = int(os.environ.get("CORRUPTIONS", "6"))
SPLIT = {"annotations": "train/instances.json", "frames": "train/JPEGImages"}


def refused(ended: Ended) -> bool:
    """Fails on anything else than success or one line."""
    return ended.code != 0 and bool(ended.message)


def use(root: Path, out: Path) -> str | None:
    """The command that refuses the data set in `root`, and its line; None when all use it."""
    config = configuration(root, iterations=1, decay_at=[])
    dataset = config.dataset.model_dump(mode="json") | {"train": SPLIT, "valid": SPLIT}
    path = write_configuration(out, config.model_dump(mode="json") | {"dataset": dataset})
    (out / "dataset.yaml").write_text(yaml.safe_dump(dataset))
    (out / "inference.yaml").write_text(yaml.safe_dump({"variants": {"intact": {}}, "top_k": 4}))
    results = out / "predictions/intact.json"
    for words in (
        ("train", "--config", path),
        ("predict", "--config", path, "--plan", out / "inference.yaml", "--weights", out / "model.safetensors",
         "--out", out / "predictions"),
        ("evaluate", "--gt", root / "train/instances.json", "--pred", results, "--draws", 0),
        ("submit", "--dataset", out / "dataset.yaml", "--pred", results, "--out", out / "results.zip"),
    ):  # fmt: skip
        ended = vita(*words)
        if refused(ended):
            return f"{words[0]}: {ended.message}"
    return None


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(choices=st.data())
def test_commands(clean: Data, tmp_path: Path, choices: st.DataObject) -> None:
    out, data = tmp_path / "run", Data(tmp_path / "videos/train")
    for folder in (out, data.folder):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(clean.folder, data.folder)
    seed = choices.draw(st.integers(0, 2**32))
    match choices.draw(st.sampled_from(("document", "document", "bytes", "frame"))):
        case "document":
            data.write(choices.draw(spoilt(clean.read())))
        case "bytes":
            data.annotations.write_bytes(damaged(data.annotations.read_bytes(), random.Random(seed)))
        case "frame":
            frame = data.frames / "video_00001/00001.jpg"
            frame.write_bytes(damaged(frame.read_bytes(), random.Random(seed)))
    out.mkdir()
    refusal = use(data.folder.parent, out)
    event("used by all" if refusal is None else f"refused by {refusal.partition(':')[0]}")
    checked = vita("data", "check", "--dataset", out / "dataset.yaml", "--out", out / "found.json")
    assert checked.code == 1 or (refused(checked) if checked.code else refusal is None), refusal
    if checked.code == 0:
        assert json.loads((out / "found.json").read_text())["errors"] == 0
