"""The released ResNet-50 model on a whole video, from an official checkpoint to a results file (minutes)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from vita.model.method import definition
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.state_dict import layout
from vita.official.vita.names import VitaOfficial

FRAMES, HEIGHT, WIDTH, CLASSES = 36, 360, 640, 40
GIB = 2**30


def write_official_checkpoint(path: Path) -> None:
    with torch.device("meta"):
        model = definition.build({}, CLASSES)
    official = VitaOfficial()
    state = portable_weights(layout(model, official))
    state |= {key: torch.ones(CLASSES + 1) for key in official.constants(model)}
    torch.save({"model": state, "iteration": 1}, path)


def write_video(root: Path) -> None:
    """Noise that moves: the content does not matter, the size does."""
    (root / "frames" / "one").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + FRAMES, 3), dtype=np.uint8)
    names = [f"one/{number:05d}.jpg" for number in range(FRAMES)]
    for number, name in enumerate(names):
        Image.fromarray(noise[:, number : number + WIDTH]).save(root / "frames" / name)
    content = {
        "videos": [{"id": 1, "height": HEIGHT, "width": WIDTH, "length": FRAMES, "file_names": names}],
        "categories": [{"id": number, "name": f"class {number}"} for number in range(1, CLASSES + 1)],
        "annotations": [],
    }
    (root / "instances.json").write_text(json.dumps(content))


def write_configuration(root: Path) -> None:
    split = {"annotations": "instances.json", "frames": "frames"}
    schedule = {"iterations": 1, "clips_per_batch": 1, "clip_frames": 1, "frame_range": 1, "learning_rate": 1e-4}
    run = {
        "tier": "test",
        "dataset": {"name": "one", "root": str(root), "train": split, "valid": split},
        "method": "vita",
        "backbone": "r50",
        "variant": "base",
        "seed": 0,
        "options": {},
        "train": schedule,
    }
    (root / "config.yaml").write_text(yaml.safe_dump(run))
    (root / "inference.yaml").write_text(yaml.safe_dump({"variants": {"intact": {}}, "short_edge": HEIGHT}))


def vita(*arguments: object) -> int:
    """Run a command to its end; the most memory it held, in bytes.

    The kernel's own figure of an ended process also counts what this one held when it started the other, so the
    high-water mark is read while it runs.
    """
    process = subprocess.Popen([sys.executable, "-m", "vita", *map(str, arguments)])
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = max([peak, *(int(kib) * 1024 for kib in re.findall(r"VmHWM:\s+(\d+) kB", status))])
        time.sleep(0.05)
    assert process.returncode == 0
    assert peak > 0
    return peak


@pytest.mark.full_size
def test_36_frames_need_less_than_2_5_gib_above_the_weights(tmp_path: Path) -> None:
    write_official_checkpoint(tmp_path / "official.pth")
    write_video(tmp_path)
    write_configuration(tmp_path)
    weights = tmp_path / "model.safetensors"
    vita("convert", "weights", tmp_path / "official.pth", "--method", "vita", "--out", weights)
    peak = vita(
        *("predict", "--config", tmp_path / "config.yaml", "--plan", tmp_path / "inference.yaml"),
        *("--weights", weights, "--out", tmp_path / "predictions"),
    )
    above = peak - weights.stat().st_size
    print(f"peak {peak / GIB:.2f} GiB with Python and its libraries, {above / GIB:.2f} GiB above the weights")
    assert above < 2.5 * GIB
    tracks = json.loads((tmp_path / "predictions" / "intact.json").read_text())
    assert len(tracks) == 10
    assert all(len(track["segmentations"]) == FRAMES for track in tracks)
    assert all(code["size"] == [HEIGHT, WIDTH] for track in tracks for code in track["segmentations"])
