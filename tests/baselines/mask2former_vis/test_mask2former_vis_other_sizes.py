"""Nothing is assumed of a recording's sizes: one of our own in the official format, in sizes of its own.

Whether the numbers are the official ones is for the real recordings to say; here only the reading is tested.

Legend: B clips, T frames, N instances, P points.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from official_layouts import to_official
from recorded_files import copy, save
from safetensors.torch import load_file
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.mask_decoding import decode, top_pairs
from vita.core.contract import UserError
from vita.official.conformance.recording import StoredFrames, Tensors, recorded_clips
from vita.official.conformance.training_step import Step, replay
from vita.official.plugins import find_official
from vita_baselines.mask2former_vis.decoder import tokens_inside
from vita_baselines.mask2former_vis.method import definition
from vita_baselines.mask2former_vis.network import Mask2FormerVis
from vita_baselines.mask2former_vis.official import conformance

CLASSES, LAYERS, POINTS, TOP = 3, 5, 40, 4
ABSENT, EMPTY, SHOWN = range(3)  # an instance in a frame: not annotated; nothing left of its mask; in sight
CLIPS, CLIP_FRAMES, FRAMES, OUT = 3, 2, 19, (50, 85)  # more frames than pass through the pixel level at once
OPTIONS: dict[str, Any] = {
    "detector": {
        "backbone": {"kind": "resnet", "stem_channels": 16, "channels": [16, 32, 64, 128], "depths": [1, 2, 1, 1]},
        "channels": 64,
        "heads": 2,
        "queries": 7,
        "feedforward": 48,
        "pixel_layers": 2,
        "decoder_layers": LAYERS,
    },
    "points": POINTS,
}
META = {
    "config": "Mask2Former/configs/x/video_maskformer2_R50.yaml",
    "overrides": [["MODEL.MASK_FORMER.NHEADS", 2], ["MODEL.MASK_FORMER.TRAIN_NUM_POINTS", POINTS]],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    torch.manual_seed(1)
    model = definition.build(OPTIONS, CLASSES)
    assert isinstance(model, Mask2FormerVis)
    save(folder, "state_dict", to_official(model, find_official("mask2former_vis")))
    (folder / "meta.json").write_text(json.dumps(META))
    record_evaluation(model.eval(), folder)
    record_training(model.train(), folder)
    return folder


@torch.no_grad()
def record_evaluation(model: Mask2FormerVis, folder: Path) -> None:
    frames = torch.randint(0, 256, (FRAMES, 3, 40, 70), dtype=torch.uint8)
    predictions = list(model.decoder(model.pixel_level(normalise_and_pad([frames])), 1))
    outputs = {"frames_uint8": frames}
    for number, prediction in enumerate(predictions):
        outputs[f"decoder.pred_logits.{number}"] = prediction.class_logits
        outputs[f"decoder.pred_masks.{number}"] = prediction.mask_logits
        height = (2, 4, 8)[number % 3]  # of 64 padded pixels
        blocked = ~tokens_inside(prediction.mask_logits, height, height * 3 // 2)
        outputs[f"decoder.attn_mask_blocked.{number}"] = blocked.to(torch.uint8)
    save(folder, "eval_C", outputs)
    scores, labels, queries = top_pairs(predictions[-1].class_logits[0], TOP)
    tracks = model.predict(StoredFrames(frames, *OUT), {"only": None}, TOP).tracks["only"]
    shuffled = torch.tensor([2, 0, 3, 1])
    masks = torch.from_numpy(decode([track.segmentations for track in tracks]))
    found = {"pred_scores": scores, "pred_labels": labels, "pred_masks": masks, "topk_query_index": queries}
    found["topk_flat_index"] = queries * CLASSES + labels
    save(folder, "inference_C", {k: v[shuffled] for k, v in found.items()} | {"out_height_width": torch.tensor(OUT)})


def record_training(model: Mask2FormerVis, folder: Path) -> None:
    calls = random_calls(rows=3 * CLIP_FRAMES)  # three instances: see below
    facts: dict[str, Any] = {"rand_calls": [{"owner": owner} for owner, _ in calls]}
    tensors = training_batch() | {f"rand.{number:03d}": draw for number, (_, draw) in enumerate(calls)}
    save(folder, "losses", tensors)
    recorded = Tensors(folder / "losses.safetensors")
    step = replay(model, recorded_clips(recorded, absent_class=CLASSES), recorded, facts, [conformance.LEVEL])
    save(folder, "losses", tensors | what_happened(step, facts))
    (folder / "losses.json").write_text(json.dumps(facts))


def what_happened(step: Step, facts: dict[str, Any]) -> dict[str, Tensor]:
    """Costs of the step; its other facts are added to `facts`. The official code's last layer comes first."""
    ((_, ours),) = step.levels
    losses, costs = {}, {}
    kinds = {"ce": ours.loss.classification, "mask": ours.loss.mask, "dice": ours.loss.dice}
    for kind, (*before, last) in ((kind, values.tolist()) for kind, values in kinds.items()):
        losses |= {f"loss_{kind}_{layer}": value for layer, value in enumerate(before)} | {f"loss_{kind}": last}
    facts |= {"losses_unweighted": losses, "total_weighted": step.losses.total.item(), "assignments": []}
    for layer in (-1, *range(LAYERS)):
        for cost, (queries, targets) in zip(ours.costs[layer], ours.matches[layer], strict=True):
            costs[f"cost.{len(costs):03d}"] = cost
            facts["assignments"].append({"src": queries.tolist(), "tgt": targets.tolist()})
    return costs


def training_batch() -> dict[str, Tensor]:
    """Clip 0: two instances, one of them not annotated in the last frame. Clip 1: none. Clip 2: one, of whose mask
    nothing is left in the last frame, where it is annotated; and one never seen.

    As the official loader writes it: where nothing is left it takes away the number and keeps the class.
    """
    present = ([[SHOWN, SHOWN], [SHOWN, ABSENT]], [], [[SHOWN, EMPTY], [ABSENT, ABSENT]])
    taught = ([0, CLASSES], [], [0])
    tensors = {}
    for clip, rows in enumerate(present):
        states = torch.tensor(rows, dtype=torch.int64).reshape(-1, CLIP_FRAMES)
        shown = states == SHOWN
        masks = torch.zeros(len(shown), CLIP_FRAMES, 40 - clip, 64 - 3 * clip, dtype=torch.uint8)
        for number in range(len(shown)):
            masks[number, :, 4 * number : 20, 5 * number : 30] = 1
        classes, stem = torch.arange(len(shown))[:, None].expand(-1, CLIP_FRAMES), f"input.clip{clip}"
        size = (CLIP_FRAMES, 3, *masks.shape[2:])
        tensors[f"{stem}.frames_uint8"] = torch.randint(0, 256, size, dtype=torch.uint8)
        tensors[f"{stem}.gt_masks"] = masks * shown[..., None, None]
        tensors[f"{stem}.gt_ids"] = torch.where(shown, 100 + classes, -1)
        tensors[f"{stem}.gt_classes"] = torch.where(states == ABSENT, CLASSES, classes)
        tensors[f"target.clip{clip}.labels"] = torch.tensor(taught[clip], dtype=torch.int64)
    return tensors


def random_calls(rows: int) -> list[tuple[str, Tensor]]:
    """Draws in the official order, layer by layer: a matching of every clip, then candidates and rest."""
    rest = POINTS - int(0.75 * POINTS)
    calls = []
    for _ in range(LAYERS + 1):
        calls += [(conformance.LEVEL.matcher, torch.rand(1, POINTS, 2)) for _ in range(CLIPS)]
        calls += [(conformance.LEVEL.criterion, torch.rand(rows, count, 2)) for count in (3 * POINTS, rest)]
    return calls


def test_every_group_is_found_and_passes(own: Path) -> None:
    checks = list(conformance.checks(own))
    assert [check.group for check in checks if check.passed is not True] == []
    groups = {check.group.removeprefix(f"{own.name}/") for check in checks}
    outputs = {f"eval_C decoder.{kind}" for kind in ("pred_logits", "pred_masks", "attn_mask_blocked")}
    inference = {f"inference_C {kind}" for kind in ("chosen", "labels", "scores", "masks")}
    losses = {f"losses {kind}" for kind in ("targets", "video costs", "video assignments", "video losses", "total")}
    assert groups == outputs | inference | losses


def test_what_nobody_looked_at_is_named(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {"eval_C": {"temperature": torch.ones(1)}})
    unread = [check.group for check in conformance.checks(tmp_path) if check.passed is None]
    assert unread == [f"{tmp_path.name}/eval_C: 1 not compared: temperature"]


def test_files_that_are_not_there_are_not_checked(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {})
    for stem in ("losses", "eval_C"):  # which holds the frames of inference_C too
        (tmp_path / f"{stem}.safetensors").unlink()
    assert [check.passed for check in conformance.checks(tmp_path)] == [None]  # inference_C


def test_a_prediction_of_another_class(own: Path, tmp_path: Path) -> None:
    labels = load_file(own / "inference_C.safetensors")["pred_labels"]
    copy(own, tmp_path, {"inference_C": {"pred_labels": (labels + 1) % CLASSES}})
    failed = [check.group for check in conformance.checks(tmp_path) if check.passed is False]
    assert failed == [f"{tmp_path.name}/inference_C labels"]


def test_weights_of_another_model(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {"state_dict": {"sem_seg_head.predictor.query_embed.weight": torch.zeros(8, 64)}})
    with pytest.raises(UserError, match=r"state_dict.*query_embed"):
        list(conformance.checks(tmp_path))
