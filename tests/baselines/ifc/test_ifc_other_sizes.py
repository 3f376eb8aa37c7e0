"""Nothing is assumed of a recording's sizes: one of our own in the official format, in sizes of its own.

Whether the numbers are the official ones is for the real recordings to say; here only the reading is tested.

Legend: B clips, T frames, N instances, K classes.
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
from vita.blocks.mask_decoding import decode
from vita.core.contract import UserError
from vita.official.checkpoints.state_dict import official_names_of
from vita.official.conformance.recording import StoredFrames, Tensors, recorded_clips
from vita.official.plugins import find_official
from vita_baselines.ifc.inference import IfcVariant, MapsInView, chosen_pairs, clip_starts
from vita_baselines.ifc.method import Ifc, definition
from vita_baselines.ifc.network import padded_sizes
from vita_baselines.ifc.official import conformance
from vita_baselines.ifc.official.conformance_parts import clip_inside
from vita_baselines.ifc.official.conformance_training import replay
from vita_baselines.ifc.official.conformance_video import ListeningTracker

CLASSES, LAYERS, CLIP_FRAMES, STRIDE, FRAMES, OUT = 3, 4, 4, 3, 9, (50, 85)
OPTIONS: dict[str, Any] = {
    "backbone": {"kind": "resnet", "stem_channels": 16, "channels": [16, 32, 64, 128], "depths": [1, 2, 1, 1]},
    "channels": 64,
    "heads": 2,
    "queries": 7,
    "feedforward": 48,
    "encoder_layers": 2,
    "decoder_layers": LAYERS,
    "memory_tokens": 5,
    "dropout": 0.0,
    "frozen_stages": 3,
    "mask_weight": 2.0,
    "target_stride": 8,
}
META = {
    "config": "IFC/projects/IFC/configs/x.yaml",
    "overrides": [
        *("MODEL.IFC.NHEADS", 2, "MODEL.IFC.DROPOUT", 0.0, "MODEL.BACKBONE.FREEZE_AT", 3),
        *("MODEL.IFC.MASK_WEIGHT", 2.0, "MODEL.IFC.MASK_STRIDE", 8, "MODEL.IFC.MATCH_STRIDE", 8),
        *("INPUT.SAMPLING_FRAME_NUM", CLIP_FRAMES, "MODEL.IFC.CLIP_STRIDE", STRIDE),
    ],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    torch.manual_seed(1)
    model = definition.build(OPTIONS, CLASSES)
    assert isinstance(model, Ifc)
    with torch.no_grad():
        model.class_head.bias[-1] -= 1  # so that something is found
    save(folder, "state_dict", to_official(model, find_official("ifc")))
    (folder / "meta.json").write_text(json.dumps(META))
    frames = torch.randint(0, 256, (FRAMES, 3, 40, 70), dtype=torch.uint8)
    record_clips(model.eval(), frames, folder)
    record_video(model.eval(), frames, folder)
    record_training(model.train(), folder)
    return folder


@torch.no_grad()
def record_clips(model: Ifc, frames: Tensor, folder: Path) -> None:
    images = normalise_and_pad([frames], divisor=1)
    outputs = {"frames_uint8": frames, "normalised_input": images}
    for number, start in enumerate(clip_starts(FRAMES, CLIP_FRAMES, STRIDE)):
        inside, classes, masks = clip_inside(model, images[start : start + CLIP_FRAMES], 1, None)
        inside |= {"pred_logits": classes[-1], "pred_masks": masks[-1], "decoder_out": inside["decoder_out"][-1:]}
        outputs |= {f"clip{number}.{name}": tensor for name, tensor in inside.items()}
    save(folder, "eval_C", outputs)


@torch.no_grad()
def record_video(model: Ifc, frames: Tensor, folder: Path) -> None:
    source, variant = StoredFrames(frames, *OUT), IfcVariant(clip_frames=CLIP_FRAMES, stride=STRIDE)
    tracker, view = ListeningTracker(model, variant, source), MapsInView()
    view.extend(model.see(normalise_and_pad([frames], divisor=1)))
    tracker.follow(view)
    outputs = {
        "out_height_width": torch.tensor(OUT),
        "video_valid": tracker.valid(FRAMES),
        "video_class_probs": tracker.probabilities,
        "video_mask_logits_before_threshold": tracker.mask_logits(source),
        "instance_masks": torch.from_numpy(decode(tracker.segmentations)),
    }
    for number, (clip, association) in enumerate(zip(tracker.clips, tracker.associations, strict=True)):
        best = clip.probabilities.max(1)
        outputs |= {f"clip{number}.kept_scores": best.values, f"clip{number}.kept_labels": best.indices}
        outputs |= {f"track.siou.{number}": association.similarity}
        outputs |= {f"track.row.{number}": association.rows, f"track.col.{number}": association.columns}
    names = ("pred_scores", "pred_labels", "pred_instance_index")
    outputs |= dict(zip(names, chosen_pairs(tracker.probabilities, variant), strict=True))
    assert len(tracker.probabilities) > 1
    save(folder, "inference_C", outputs)


def record_training(model: Ifc, folder: Path) -> None:
    tensors = training_batch()
    save(folder, "losses", tensors)
    clips = recorded_clips(Tensors(folder / "losses.safetensors"), CLASSES)
    step, losses = replay(model, clips)
    names = {"loss_ce": step.loss.classification, "loss_mask": step.loss.mask, "loss_dice": step.loss.dice}
    terms = {}
    for name, (*before, last) in ((name, values.tolist()) for name, values in names.items()):
        terms |= {f"{name}_{layer}": value for layer, value in enumerate(before)} | {name: last}
    order = [-1, *range(LAYERS - 1)]
    matches = [{"src": q.tolist(), "tgt": t.tolist()} for layer in order for q, t in step.matches[layer]]
    scores = [clip for layer in order for clip in step.scores[layer]]
    facts = {"losses_unweighted": terms, "assignments": matches, "total_weighted_losses_only": losses.total.item()}
    facts["weight_dict"] = {"loss_ce": 1, "loss_mask_0": 2.0, "loss_dice": 3.0}
    (folder / "losses.json").write_text(json.dumps(facts))
    save(folder, "losses", tensors | {f"score_matrix.{n:03d}": score for n, score in enumerate(scores)})
    losses.total.backward()
    gradients = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in model.named_parameters()}
    frozen = official_names_of({n: p for n, p in model.named_parameters() if p.grad is None}, find_official("ifc"))
    norms = {k: float(g.norm()) for k, g in official_names_of(gradients, find_official("ifc")).items()}
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    recorded = {key: None if key in frozen else norm for key, norm in norms.items()}
    (folder / "losses_grad_norms.json").write_text(
        json.dumps({"total": total, "per_parameter_l2 (null = frozen)": recorded})
    )
    with torch.no_grad():
        images = normalise_and_pad([clip.frames for clip in clips], divisor=1)
        inside, classes, masks = clip_inside(model, images, len(clips), padded_sizes(clips, images))
    layers = {f"pred_logits.{n}": c for n, c in enumerate(classes)} | {
        f"pred_masks.{n}": m for n, m in enumerate(masks)
    }
    save(folder, "train_outputs", {"normalised_padded_input": images, **inside, **layers})


def training_batch() -> dict[str, Tensor]:
    """Clip 0: two instances, one of them not in the last frame. Clip 1: none. Clip 2: one, and one never seen.

    The second clip is smaller by more than a position of the coarsest map.
    """
    present = ([[1, 1], [1, 0]], [], [[1, 1], [0, 0]])
    tensors = {}
    for clip, rows in enumerate(present):
        shown = torch.tensor(rows, dtype=torch.bool).reshape(-1, 2)
        masks = torch.zeros(len(shown), 2, (70, 33, 40)[clip], (64, 30, 69)[clip], dtype=torch.uint8)
        for number in range(len(shown)):
            masks[number, :, 4 * number : 20, 5 * number : 30] = 1
        classes, stem = torch.arange(len(shown))[:, None].expand(-1, 2), f"input.clip{clip}"
        tensors[f"{stem}.frames_uint8"] = torch.randint(0, 256, (2, 3, *masks.shape[2:]), dtype=torch.uint8)
        tensors[f"{stem}.gt_masks"] = masks * shown[..., None, None]
        tensors[f"{stem}.gt_ids"] = torch.where(shown, 100 + classes, -1)
        tensors[f"{stem}.gt_classes"] = torch.where(shown, classes, CLASSES)
        tensors[f"target.clip{clip}.labels"] = classes[shown.any(1), 0]
    return tensors


def test_every_group_is_found_and_passes(own: Path) -> None:
    checks = list(conformance.checks(own))
    assert [check.group for check in checks if check.passed is not True] == []
    groups = {check.group.removeprefix(f"{own.name}/") for check in checks}
    inside = ("encoder_memory_bus", "encoded_src", "decoder_out", "pred_logits", "pred_masks")
    assert {f"eval_C {part}" for part in ("input", *inside)} <= groups
    assert {f"train_outputs {part}" for part in inside} <= groups
    video = ("soft IoU", "held", "mask logits", "instance masks", "predicted instances", "track scores", "track masks")
    assert {f"inference_C {part}" for part in video} <= groups
    step = ("targets", "scores", "assignments", "losses", "loss weights", "total", "gradient norms")
    assert {f"losses {part}" for part in (*step, "trained parameters")} <= groups


def test_what_nobody_looked_at_is_named(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {"eval_C": {"temperature": torch.ones(1)}})
    unread = [check.group for check in conformance.checks(tmp_path) if check.passed is None]
    assert unread == [f"{tmp_path.name}/eval_C: 1 not compared: temperature"]


def test_files_that_are_not_there_are_not_checked(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {})
    for stem in ("losses", "train_outputs", "eval_C"):  # which holds the frames of inference_C too
        (tmp_path / f"{stem}.safetensors").unlink()
    groups = {check.group.partition(": ")[0]: check.passed for check in conformance.checks(tmp_path)}
    name = tmp_path.name
    assert groups == {f"{name}/state_dict class weights": True, f"{name}/inference_C": None}


def test_a_recorded_variation_of_inference(own: Path, tmp_path: Path) -> None:
    """Its name says which: another stride, or one class an instance; the rest is that of the same case."""
    copy(own, tmp_path, {})
    (tmp_path / "losses.safetensors").unlink()
    whole = load_file(own / "inference_C.safetensors")
    best = whole["video_class_probs"][:, :-1].max(1)
    save(tmp_path, "inference_C_single_class", {"pred_scores": best.values, "pred_labels": best.indices})
    checks = {c.group.partition("/")[2]: c.passed for c in conformance.checks(tmp_path)}
    assert checks["inference_C_single_class track labels"]
    assert all(checks.values())


def test_a_prediction_of_another_class(own: Path, tmp_path: Path) -> None:
    labels = load_file(own / "inference_C.safetensors")["pred_labels"]
    copy(own, tmp_path, {"inference_C": {"pred_labels": (labels + 1) % CLASSES}})
    failed = [check.group for check in conformance.checks(tmp_path) if check.passed is False]
    assert failed == [f"{tmp_path.name}/inference_C predicted labels", f"{tmp_path.name}/inference_C track labels"]


def test_weights_of_another_model(own: Path, tmp_path: Path) -> None:
    copy(own, tmp_path, {"state_dict": {"detr.class_embed.layers.0.bias": torch.zeros(8)}})
    with pytest.raises(UserError, match=r"state_dict.*class_embed"):
        list(conformance.checks(tmp_path))
