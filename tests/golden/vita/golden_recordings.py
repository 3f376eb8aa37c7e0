"""Outputs of the official VITA code on the CPU in float32, and how ours are held against them.

Every check raises AssertionError; the tests run them on our model, and on models broken on purpose.

Legend: T frames, k kept predictions, D decoder layers, B clips, P points, H W pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask
from safetensors.torch import load_file
from torch import Tensor
from torch.testing import assert_close

from vita.contract import Clip, Losses, Track
from vita.detector import normalise_and_pad
from vita.losses.matching import Match, Target, matching_costs
from vita.losses.set_loss import SetCriterion, SetLoss
from vita.model import Vita, VitaVariant
from vita.weights.official import DROPPED, from_official

HERE = Path(__file__).parent
RECORDED_OPTIONS: dict[str, Any] = {
    "detector": {
        "channels": 32,
        "heads": 4,
        "queries": 10,
        "feedforward": 64,
        "pixel_layers": 3,
        "decoder_layers": 3,
        "backbone": {"kind": "resnet", "stem_channels": 8, "channels": [32, 64, 128, 256]},
    },
    "heads": 4,
    "feedforward": 64,
    "encoder_layers": 3,
    "video_queries": 8,
    "frame_points": 112,
    "video_points": 112,
}
# The official code itself moves by about a fifth of these between float32 and float64.
VALUES = {"atol": 3e-4, "rtol": 1e-4}
MASK_LOGITS = {"atol": 1e-3, "rtol": 1e-4}
LOSS = {"atol": 1e-6, "rtol": 1e-4}
SCORES = {"atol": 1e-5, "rtol": 0.0}
FLIPPED_PIXELS = 1e-4  # of all
GRADIENT = 2.5e-3  # of the tensor's largest entry
GRADIENT_NORM = {"atol": 1e-5, "rtol": 2.5e-3}


@cache
def read(name: str) -> dict[str, Tensor]:
    return load_file(HERE / f"{name}.safetensors")


@cache
def read_facts(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text())


@dataclass
class StoredFrames:
    """A `FrameSource` of frames that are in memory."""

    frames: Tensor
    out_height: int
    out_width: int

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, start: int, stop: int) -> Tensor:
        return self.frames[start:stop]


@torch.no_grad()
def check_detector(model: Vita, case: str) -> None:
    recorded = read(f"eval_{case}")
    some = recorded["some_frames"]
    output = model.detector(normalise_and_pad([recorded["frames_uint8"]]))
    for layer in (1, 3):
        assert_close(output.queries[layer], recorded[f"frame_query.{layer}"], **VALUES)
        assert_close(output.class_logits[layer], recorded[f"frame_logits.{layer}"], **VALUES)
        assert_close(output.mask_logits[layer][some], recorded[f"frame_masks.{layer}"], **MASK_LOGITS)
    assert_close(model.mask_projection(output.pixel_map)[some], recorded["vita_mask_features"], **VALUES)


def check_window(model: Vita, case: str, window: int) -> None:
    recorded = read(f"eval_{case}")
    check_video_level(model, recorded["frame_queries"][0], window, recorded, f"window{window}")


def check_short(model: Vita, frames: int, window: int) -> None:
    recorded = read("eval_A_vita_short")
    queries = recorded["frame_queries"][0, :frames]
    check_video_level(model, queries, window, recorded, f"T{frames}_window{window}")


@torch.no_grad()
def check_video_level(model: Vita, queries: Tensor, window: int, recorded: dict[str, Tensor], name: str) -> None:
    tokens = model.object_encoder(queries[None], window, shift=True)
    assert_close(tokens[0], recorded[f"{name}.encoder_output"], **VALUES)
    output = model.associate(queries, torch.zeros(queries.shape[:2]), VitaVariant(window=window))
    assert_close(output.class_logits[-1], recorded[f"{name}.pred_logits"][0], **VALUES)
    assert_close(output.mask_embeddings[-1], recorded[f"{name}.pred_mask_embed"][0], **VALUES)


def check_inference(model: Vita, case: str) -> None:
    recorded = read(f"inference_{case}")
    height, width = recorded["out_height_width"].tolist()
    frames = StoredFrames(read(f"eval_{case}")["frames_uint8"], height, width)
    tracks = model.predict(frames, {"only": VitaVariant()}, top_k=10).tracks["only"]
    order = recorded["pred_scores"].argsort(descending=True)  # recorded as top-k left them, unsorted
    assert [track.label for track in tracks] == recorded["pred_labels"][order].tolist()
    assert_close(torch.tensor([track.score for track in tracks]), recorded["pred_scores"][order], **SCORES)
    shape = recorded["pred_masks.shape"].tolist()
    masks = np.unpackbits(recorded["pred_masks.bits"].numpy(), count=np.prod(shape)).reshape(shape)
    assert (decoded(tracks) != masks[order.numpy()]).mean() <= FLIPPED_PIXELS


def decoded(tracks: list[Track]) -> np.ndarray:
    """Masks (k, T, H, W) of 0 and 1."""
    return np.stack([[coco_mask.decode(code) for code in track.segmentations] for track in tracks])


@cache
def recorded_clips(name: str) -> list[Clip]:
    """The training batch; an instance that no frame shows is dropped, as the official target preparation does."""
    recorded, clips = read(name), []
    for number in range(2):
        frames, masks, ids, classes = (
            recorded[f"input.clip{number}.{key}"] for key in ("frames_uint8", "gt_masks", "gt_ids", "gt_classes")
        )
        seen = (ids != -1).any(1)
        labels = classes[seen].amax(1) if seen.any() else torch.zeros(0, dtype=torch.int64)
        clips.append(Clip(frames, masks[seen].bool(), labels, ids[seen], number, (0, 1, 2)))
    return clips


class RecordedDraws:
    """Random numbers of one recorded step in the order in which we ask for them.

    The official code treats layer after layer, the last one first; we treat all layers at once, the last one last.
    """

    def __init__(self, name: str) -> None:
        calls = read(name)
        owners = [tuple(owner) for owner in read_facts(name)["rand_owners"]]
        runs = [(key[0], list(run)) for key, run in groupby(range(len(owners)), key=lambda i: owners[i])]
        self.waiting: list[tuple[str, Tensor]] = []
        for level in ("", "Vita"):
            matching = [
                [calls[f"rand.{i:03d}"] for i in run] for owner, run in runs if owner == f"{level}HungarianMatcher"
            ]
            points = [[calls[f"rand.{i:03d}"] for i in run] for owner, run in runs if owner == f"{level}SetCriterion"]
            self.waiting.append(("matching", torch.stack([torch.cat(m) for m in last_to_end(matching)])))
            for place, purpose in enumerate(("candidates", "rest")):
                self.waiting.append((purpose, torch.cat([p[place] for p in last_to_end(points)])))
        self.waiting = [(purpose, draw) for purpose, draw in self.waiting if draw.numel()]  # nothing matched, no points

    def __call__(self, purpose: str, *shape: int) -> Tensor:
        recorded, draw = self.waiting.pop(0)
        assert (purpose, shape) == (recorded, tuple(draw.shape))
        return draw


def last_to_end(layers: list[Any]) -> list[Any]:
    return [*layers[1:], layers[0]]


@dataclass
class Listening:
    """A criterion whose losses, matches and costs can be looked at afterwards."""

    criterion: SetCriterion

    def __call__(
        self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target], num_masks: float, draws: RecordedDraws
    ) -> tuple[SetLoss, list[list[Match]]]:
        matching = draws.waiting[0][1]
        criterion = self.criterion
        self.costs = matching_costs(
            class_logits, mask_logits, targets, criterion.weights, criterion.points, lambda *_: matching
        )
        self.loss, self.matches = criterion(class_logits, mask_logits, targets, num_masks, draws)
        return self.loss, self.matches


@dataclass
class Step:
    """One training step on a recorded batch."""

    name: str
    losses: Losses
    frame: Listening
    video: Listening


def training_step(model: Vita, name: str) -> Step:
    model.train()
    kept = model.frame_criterion, model.video_criterion
    listening = Listening(kept[0]), Listening(kept[1])
    model.frame_criterion, model.video_criterion = listening  # type: ignore[assignment]
    try:
        draws = RecordedDraws(name)
        losses = model.losses(recorded_clips(name), draws)
    finally:
        model.frame_criterion, model.video_criterion = kept
    assert not draws.waiting
    return Step(name, losses, *listening)


def check_total(step: Step) -> None:
    assert_close(step.losses.total.item(), read_facts(step.name)["total_weighted"], **LOSS)


def check_layers(step: Step) -> None:
    """Every loss term of every layer."""
    facts = read_facts(step.name)
    for level, prefix, ours in (("frame", "loss", step.frame), ("vita", "loss_vita", step.video)):
        recorded = facts[f"{level}_losses_unweighted"]
        for kind, values in (("ce", ours.loss.classification), ("mask", ours.loss.mask), ("dice", ours.loss.dice)):
            names = [*(f"{prefix}_{kind}_{layer}" for layer in range(len(values) - 1)), f"{prefix}_{kind}"]
            assert_close(values.detach(), torch.tensor([recorded[name] for name in names]), **LOSS)


def check_similarity(step: Step) -> None:
    terms = {term.name: term for term in step.losses.terms}
    recorded = read_facts(step.name)["vita_losses_unweighted"]["loss_vita_sim"]
    assert_close(terms["similarity"].value.item(), recorded, **LOSS)
    assert terms["similarity"].weight == 0.5


def check_matches(step: Step) -> None:
    """Costs of all pairs, and who is matched with whom, in every layer of both levels."""
    recorded, facts = read(step.name), read_facts(step.name)["assignments"]
    cost = iter(recorded[f"cost.{call:03d}"] for call in range(len(facts)))
    match = iter(facts)
    for ours in (step.frame, step.video):
        layers = range(len(ours.matches))
        for layer in (layers[-1], *layers[:-1]):
            for costs, (queries, chosen) in zip(ours.costs[layer], ours.matches[layer], strict=True):
                assert_close(costs, next(cost), **MASK_LOGITS)
                _, recorded_queries, recorded_chosen = next(match)
                assert queries.tolist() == recorded_queries
                assert chosen.tolist() == recorded_chosen
    assert next(match, None) is None


def check_gradients(model: Vita) -> None:
    """Of the recorded tensors entry by entry, of all others the norm."""
    ours = dict(model.named_parameters())
    for name, recorded in from_official(read("losses_grads")).items():
        gradient = ours[name].grad
        assert gradient is not None, name
        error = (gradient - recorded).abs().max() / recorded.abs().max().clamp(min=1e-6)
        assert error <= GRADIENT, f"{name}: {error}"
    for key, recorded_norm in recorded_norms():
        gradients = [ours[name].grad for name in from_official({key: read("state_dict")[key]}) if name in ours]
        flat = torch.cat([g.flatten() for g in gradients if g is not None])
        assert_close(flat.norm().item(), recorded_norm, **GRADIENT_NORM, msg=lambda text, key=key: f"{key}: {text}")


def recorded_norms() -> Iterator[tuple[str, float]]:
    norms = read_facts("losses_grad_norms")["per_parameter_l2"]
    return ((key, norm) for key, norm in norms.items() if norm is not None and not DROPPED.fullmatch(key))
