"""Select from the recorded optimiser steps what the tests carry: make_compact_trajectories.py RECORDINGS.

The first step of each method, with the rates of all of them: its batch, the costs, every loss, and the norms of some
gradients and weights. Initial weights are those of the method's other recordings here; random numbers follow from the
seed, which is checked. One packed file beside this one, of folders in the format of the whole.
"""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

HERE = Path(__file__).parent
METHODS = ("vita", "mask2former_vis", "ifc")
EVERY = 8  # of the norms
UNREAD = ("losses_weighted", "losses_after_weighting", "grad_absent")


def main(full: Path) -> None:
    with tarfile.open(HERE / "trajectories.tar.xz", "w:xz", preset=9) as packed:
        for method in METHODS:
            for name, content in files(full / f"trajectory_{method}", method).items():
                entry = tarfile.TarInfo(f"trajectory_{method}/{name}")
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))


def files(folder: Path, method: str) -> dict[str, bytes]:
    meta, facts, optimizer = (read_json(folder / f"{stem}.json") for stem in ("meta", "step_00", "optimizer"))
    meta["state_dict_of"] = method
    meta["steps"] = [{key: step[key] for key in ("step", "lr", "lr_backbone")} for step in meta["steps"]]
    for norms in ("grad_norms", "weight_norms_after"):
        facts[norms] = dict(list(facts[norms].items())[::EVERY])
    facts = {key: value for key, value in facts.items() if key not in UNREAD} | {"rand_seed": meta["seed"]}
    tensors = load_file(folder / "step_00.safetensors")
    random = torch.Generator().manual_seed(meta["seed"])
    for number, call in enumerate(facts["rand_calls"]):
        assert torch.equal(tensors.pop(f"rand.{number:03d}"), torch.rand(call["shape"], generator=random))
    return {
        "meta.json": as_json(meta),
        "optimizer.json": as_json(optimizer),
        "step_00.json": as_json(facts),
        "step_00.safetensors": save(tensors),
    }


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
