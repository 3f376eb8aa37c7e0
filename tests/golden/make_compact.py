"""Select from the full recordings of the official code what the tests carry: make_compact.py RECORDINGS/vita.

Writes into the folder `vita` beside this file. Masks that are compared as bits are packed, eight to a byte.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

OUT = Path(__file__).parent / "vita"
SOME_FRAMES = [0, 3, 6]  # of the 7 recorded; maps of the others add size, not sharpness
DETECTOR_LAYERS = ("1", "3")
WINDOW_OUTPUTS = ("pred_logits", "pred_mask_embed", "encoder_output")
LOSS_FILES = ("losses", "losses_one_empty_clip", "losses_all_empty")


def main(full: Path) -> None:
    OUT.mkdir(exist_ok=True)
    save_file(load_file(full / "state_dict.safetensors"), OUT / "state_dict.safetensors")
    for case in "AB":
        save_file(detector(full, case) | video(full, case), OUT / f"eval_{case}.safetensors")
        save_file(inference(full, case), OUT / f"inference_{case}.safetensors")
    save_file(load_file(full / "eval_A_vita_short.safetensors"), OUT / "eval_A_vita_short.safetensors")
    for name in LOSS_FILES:
        chosen = pick(full / f"{name}.safetensors", lambda key: key.startswith(("input.", "rand.", "cost.")))
        save_file(chosen, OUT / f"{name}.safetensors")
        write_json(OUT / f"{name}.json", loss_facts(read_json(full / f"{name}.json")))
    save_file(load_file(full / "losses_grads.safetensors"), OUT / "losses_grads.safetensors")
    write_json(OUT / "losses_grad_norms.json", read_json(full / "losses_grad_norms.json"))


def pick(path: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in load_file(path).items() if wanted(key)}


def detector(full: Path, case: str) -> dict[str, Tensor]:
    recorded = load_file(full / f"eval_{case}_detector.safetensors")
    chosen = {"frames_uint8": recorded["frames_uint8"]}
    for layer in DETECTOR_LAYERS:
        chosen[f"frame_query.{layer}"] = recorded[f"frame_decoder.frame_query.{layer}"]
        chosen[f"frame_logits.{layer}"] = recorded[f"frame_decoder.pred_logits.{layer}"]
        chosen[f"frame_masks.{layer}"] = recorded[f"frame_decoder.pred_masks.{layer}"][SOME_FRAMES]
    chosen["vita_mask_features"] = recorded["vita_mask_features"][SOME_FRAMES]
    chosen["some_frames"] = torch.tensor(SOME_FRAMES)
    return {key: tensor.contiguous() for key, tensor in chosen.items()}


def video(full: Path, case: str) -> dict[str, Tensor]:
    path = full / f"eval_{case}_vita.safetensors"
    return pick(path, lambda key: key == "frame_queries" or key.endswith(WINDOW_OUTPUTS))


def inference(full: Path, case: str) -> dict[str, Tensor]:
    wanted = ("pred_scores", "pred_labels", "topk_query_index", "out_height_width", "pred_masks")
    chosen = pick(full / f"inference_{case}.safetensors", lambda key: key in wanted)
    masks = chosen.pop("pred_masks").numpy()
    shape = torch.tensor(masks.shape)
    return chosen | {"pred_masks.bits": torch.from_numpy(np.packbits(masks)), "pred_masks.shape": shape}


def loss_facts(recorded: dict) -> dict:
    wanted = ("frame_losses_unweighted", "vita_losses_unweighted", "total_weighted", "fg_indices_last_layers")
    facts = {key: recorded[key] for key in wanted}
    facts["rand_owners"] = [[call["owner"], call["function"]] for call in recorded["rand_calls"]]
    facts["assignments"] = [[match["matcher"], match["src"], match["tgt"]] for match in recorded["assignments"]]
    return facts


def read_json(path: Path) -> dict:
    return json.loads(path.read_text())


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
