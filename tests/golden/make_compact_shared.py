"""Select from the full recordings that belong to no method what the tests carry: make_compact_shared.py RECORDINGS.

What is kept has the format of the whole, so the same checks run on both. Writes into the folders beside this file.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
CLIPS = 6  # of each kind of drawn clips


def main(full: Path) -> None:
    augmentation(full / "augmentation", HERE / "augmentation")
    draws(full / "augmentation", HERE / "draws.json.gz")
    backbones(full / "backbones", HERE / "backbones")
    rates(full, HERE / "rates.json.gz")


def augmentation(full: Path, here: Path) -> None:
    here.mkdir(exist_ok=True)
    for name in ("transforms.safetensors", "transforms.json"):
        shutil.copyfile(full / name, here / name)
    drawn = read_json(full / "clip_augmentation_draws.json")
    for kind in drawn.values():
        kind["clips"] = kind["clips"][:CLIPS]
    write_json(here / "clip_augmentation_draws.json", drawn)


def draws(full: Path, here: Path) -> None:
    """All drawn clips, for distributions. One packed file."""
    drawn = read_json(full / "clip_augmentation_draws.json")
    here.write_bytes(gzip.compress(json.dumps(drawn, separators=(",", ":")).encode(), mtime=0))


def backbones(full: Path, here: Path) -> None:
    """Of the released sizes only residual networks, and of them the coarsest maps."""
    here.mkdir(exist_ok=True)
    for name in ("swin_tiny.safetensors", "swin_tiny_state_dict.safetensors"):
        shutil.copyfile(full / name, here / name)
    kept = ("frames_uint8", "resnet50.res4", "resnet50.res5", "resnet101.res5")
    tensors = load_file(full / "full_portable.safetensors")
    save_file({key: tensors[key] for key in kept}, here / "full_portable.safetensors")
    for name in ("full_resnet50_keys.json", "full_resnet101_keys.json"):
        write_json(here / name, read_json(full / name))


def rates(full: Path, here: Path) -> None:
    """Learning rates and weight decays by file; of the configurations the schedules. One packed file."""
    kept = {path.name: read_json(path) for path in sorted(full.glob("optim_*.json"))}
    schedules = read_json(full / "resolved_configs_vita.json")
    wanted = ("steps", "gamma", "warmup_factor", "base_lr", "max_iter", "multiplier_at_iter")
    kept["resolved_configs_vita.json"] = {
        name: {key: config[key] for key in wanted} for name, config in schedules.items()
    }
    here.write_bytes(gzip.compress(json.dumps(kept, separators=(",", ":")).encode(), mtime=0))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
