"""A recording in the official format, made by our own VITA in sizes of its own: the checks must assume none.

Whether the numbers are the official ones is for the real recordings to say; here only the reading is tested.

Legend: B clips, T frames, Q frame queries, N instances, P points.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from official_layouts import to_official
from recorded_files import save
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.official.conformance.recording import Tensors, recorded_clips
from vita.official.conformance.training_step import replay
from vita.official.vita.conformance_training import LEVELS
from vita.official.vita.names import VitaOfficial

CLASSES, QUERIES, FED, POINTS = 3, 7, 2, 40
CLIPS, CLIP_FRAMES, FRAMES, WINDOWS = 3, 2, 9, (2, 5, 0)
OPTIONS: dict[str, Any] = {
    "detector": {
        "backbone": {"kind": "resnet", "stem_channels": 16, "channels": [16, 32, 64, 128], "depths": [1, 2, 1, 1]},
        "channels": 64,
        "heads": 2,
        "queries": QUERIES,
        "feedforward": 48,
        "pixel_layers": 2,
        "decoder_layers": 4,
    },
    "heads": 2,
    "feedforward": 80,
    "encoder_layers": 2,
    "decoder_layers": 4,
    "video_queries": 5,
    "window": 5,
    "fed_layers": FED,
    "frame_points": POINTS,
    "video_points": POINTS,
}
OVERRIDES = [
    ["MODEL.MASK_FORMER.NHEADS", 2],
    ["MODEL.VITA.NHEADS", 2],
    ["MODEL.VITA.ENC_WINDOW_SIZE", 5],
    ["MODEL.VITA.LAST_LAYER_NUM", FED],
    ["MODEL.MASK_FORMER.TRAIN_NUM_POINTS", POINTS],
]


def record(folder: Path) -> None:
    """Write a whole recording."""
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    model = definition.build(OPTIONS, CLASSES)
    assert isinstance(model, Vita)
    save(folder, "state_dict", to_official(model, VitaOfficial()))
    (folder / "meta.json").write_text(json.dumps({"config": "VITA/configs/x/vita_R50.yaml", "overrides": OVERRIDES}))
    record_evaluation(model.eval(), folder)
    record_training(model, folder)


@torch.no_grad()
def record_evaluation(model: Vita, folder: Path) -> None:
    frames = torch.randint(0, 256, (FRAMES, 3, 40, 70), dtype=torch.uint8)
    output = model.detector(normalise_and_pad([frames]))
    layers = {f"frame_decoder.pred_logits.{i}": logits for i, logits in enumerate(output.class_logits)}
    save(folder, "eval_C_detector", {"frames_uint8": frames, **layers})
    queries = output.queries[-1]
    tensors = {"frame_queries": queries[None]}
    for window in WINDOWS:
        for length, prefix in ((FRAMES, ""), (3, "T3_")):
            cut = queries[:length]
            video = model.associate(cut, cut.new_zeros(cut.shape[:2]), VitaVariant(window=window))
            tensors[f"{prefix}window{window}.pred_logits"] = video.class_logits[-1:]
    save(folder, "eval_C_vita", tensors)


def record_training(model: Vita, folder: Path) -> None:
    inputs = training_batch()
    calls = random_calls(model, visible=7, present=4)  # 7 visible (instance, frame) pairs, 4 instances: see below
    facts: dict[str, Any] = {"rand_calls": [{"owner": owner} for owner, _ in calls]}
    tensors = inputs | {f"rand.{number:03d}": draw for number, (_, draw) in enumerate(calls)}
    save(folder, "losses", tensors)
    clips = recorded_clips(Tensors(folder / "losses.safetensors"), absent_class=-1)
    step = replay(model, clips, Tensors(folder / "losses.safetensors"), facts, LEVELS)
    number = 0
    facts["assignments"] = []
    for level, ours in step.levels:
        losses = {}
        for kind in ("classification", "mask", "dice"):
            values = getattr(ours.loss, kind).tolist()
            short = {"classification": "ce"}.get(kind, kind)
            losses |= {f"{level.prefix}_{short}_{layer}": value for layer, value in enumerate(values[:-1])}
            losses[f"{level.prefix}_{short}"] = values[-1]
        facts[level.losses] = losses
        for layer in (-1, *range(len(ours.costs) - 1)):
            for cost, (queries, targets) in zip(ours.costs[layer], ours.matches[layer], strict=True):
                tensors[f"cost.{number:03d}"] = cost
                facts["assignments"].append({"src": queries.tolist(), "tgt": targets.tolist()})
                number += 1
    similarity = next(term.value for term in step.losses.terms if term.name == "similarity")
    facts["vita_losses_unweighted"]["loss_vita_sim"] = similarity.item()
    facts["total_weighted"] = step.losses.total.item()
    save(folder, "losses", tensors)
    (folder / "losses.json").write_text(json.dumps(facts))


def training_batch() -> dict[str, Tensor]:
    """Clip 0: two instances, one of them only in the last frame. Clip 1: none. Clip 2: two, in both frames."""
    present = ([[1, 1], [0, 1]], [], [[1, 1], [1, 1]])
    tensors = {}
    for clip, rows in enumerate(present):
        shown = torch.tensor(rows, dtype=torch.bool).reshape(-1, CLIP_FRAMES)
        height, width = 40 - clip, 64 - 3 * clip
        masks = torch.zeros(len(shown), CLIP_FRAMES, height, width, dtype=torch.uint8)
        for number in range(len(shown)):
            masks[number, :, 4 * number : 20, 5 * number : 30] = 1
        classes = torch.arange(len(shown))[:, None].expand(-1, CLIP_FRAMES)
        stem = f"input.clip{clip}"
        tensors[f"{stem}.frames_uint8"] = torch.randint(0, 256, (CLIP_FRAMES, 3, height, width), dtype=torch.uint8)
        tensors[f"{stem}.gt_masks"] = masks * shown[..., None, None]
        tensors[f"{stem}.gt_ids"] = torch.where(shown, 100 + classes, -1)
        tensors[f"{stem}.gt_classes"] = torch.where(shown, classes, -1)
    return tensors


def random_calls(model: Vita, visible: int, present: int) -> list[tuple[str, Tensor]]:
    """Draws in the official order: detector, then video; a level's layers one after the other."""
    importance = int(0.75 * POINTS)
    calls = []
    levels = (
        ("HungarianMatcher", "SetCriterion", OPTIONS["detector"]["decoder_layers"] + 1, CLIPS * CLIP_FRAMES, visible),
        (
            "VitaHungarianMatcher",
            "VitaSetCriterion",
            OPTIONS["decoder_layers"],
            FED * CLIPS,
            FED * present * CLIP_FRAMES,
        ),
    )
    for matcher, criterion, layers, videos, rows in levels:
        for _ in range(layers):
            calls += [(matcher, torch.rand(1, POINTS, 2)) for _ in range(videos)]
            calls.append((criterion, torch.rand(rows, 3 * POINTS, 2)))
            calls.append((criterion, torch.rand(rows, POINTS - importance, 2)))
    return calls
