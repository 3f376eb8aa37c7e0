"""Select from the full recordings of the official code what the tests carry: make_compact.py RECORDINGS.

What is kept has the format of the whole: the same files with fewer tensors, so the same checks run on both. Writes into
the folders beside this file.
"""

import json
import re
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

HERE = Path(__file__).parent
ALL = r".*"
STEP = r"input\..*|rand\..*|cost\..*"

# Folder -> file -> pattern of the tensors that are kept. JSON files of the same name come along.
KEPT = {
    "vita": {
        "state_dict": ALL,
        "eval_A_detector": r"frames_uint8|backbone\.res5|pixel_decoder\.multi_scale\.0"
        r"|frame_decoder\.attn_mask_blocked\.\d|frame_decoder\.pred_logits\.\d|frame_decoder\.frame_query\.\d|frame_decoder\.pred_masks\.3",
        "eval_A_vita": r"frame_queries|window\d+\.(pred_logits|pred_mask_embed|encoder_output|pred_fq_embed)",
        "eval_A_vita_short": ALL,
        "eval_B_detector": r"frames_uint8|frame_decoder\.(pred_logits|frame_query)\.\d|vita_mask_features",
        "eval_B_vita": r"frame_queries|window\d+\.(pred_logits|pred_mask_embed|pred_cq_embed)",
        "inference_A": r"(?!pred_masks).*",
        "inference_B": r"(?!pred_mask_logits_before_threshold).*",
        "train_outputs": r"normalised_padded_input|vita_input_frame_queries|.*pred_logits.*|.*(cq|mask)_embed",
        "losses": rf"{STEP}|points\..*|target\..*(labels|ids)",
        "losses_one_empty_clip": STEP,
        "losses_all_empty": rf"{STEP}|target\..*(labels|ids)",
        "losses_grads": ALL,
    },
    "mask2former_vis": {
        "state_dict": ALL,
        "eval_A": r"frames_uint8|backbone\.res5|pixel_decoder\.multi_scale\.[01]|decoder\.pos3d\.[01]"
        r"|decoder\.pred_logits\.\d|decoder\.pred_masks\.3|decoder\.attn_mask_blocked\.\d",
        "eval_B": r"frames_uint8|decoder\.pred_logits\.\d",
        "inference_B": r"(?!pred_mask_logits_before_threshold).*",
        "losses": rf"{STEP}|target\..*(labels|ids)",
        "losses_absent_in_last_frame": rf"{STEP}|target\..*(labels|ids)",
        "losses_one_empty_clip": rf"{STEP}|points\..*|target\..*",
    },
    "ifc": {
        "state_dict": ALL,
        "eval_A": r"frames_uint8|backbone\.res5|pos\.res5|backbone\.padding_mask\.res5"
        r"|clip\d\.(pred_logits|pred_masks|encoder_memory_bus|decoder_out)",
        "eval_B": r"frames_uint8|pos\.res5|clip\d\.(pred_logits|encoded_src)",
        "inference_A": r"(?!instance_masks).*",
        "inference_A_single_class": ALL,
        "inference_A_stride2": r"(?!video_mask_logits|instance_masks).*",
        "inference_B": r"(?!video_mask_logits).*",
        "inference_B_single_class": ALL,
        "losses": r"input\..*|score_matrix\..*|target\..*(labels|ids)|target\..*\.masks",
    },
}
FACTS = {folder: ("meta", "losses_grad_norms") for folder in KEPT}
BEST = {("mask2former_vis", "inference_B"): 2}  # of ten predictions, as a smaller top-k gives


def main(full: Path) -> None:
    for folder, files in KEPT.items():
        (HERE / folder).mkdir(exist_ok=True)
        for stem, pattern in files.items():
            tensors = load_file(full / folder / f"{stem}.safetensors")
            kept = {key: tensor for key, tensor in tensors.items() if re.fullmatch(pattern, key)}
            kept = best(kept, BEST[folder, stem]) if (folder, stem) in BEST else kept
            save_file(kept, HERE / folder / f"{stem}.safetensors")
        for stem in (*files, *FACTS[folder]):
            facts = full / folder / f"{stem}.json"
            if facts.is_file():
                text = json.dumps(json.loads(facts.read_text()), separators=(",", ":"))
                (HERE / folder / f"{stem}.json").write_text(text + "\n")


def best(predictions: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    first = predictions["pred_scores"].argsort(descending=True)[:count]
    whole = ("out_height_width",)
    return {key: tensor if key in whole else tensor[first].contiguous() for key, tensor in predictions.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
