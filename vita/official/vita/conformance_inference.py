"""VITA held against recorded outputs of its official code: whole inference.

Legend: T frames, N video queries, C channels, k kept predictions, h w H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from vita.blocks.mask_decoding import decode, to_network_size, to_out_size
from vita.model.inference import encode_at_once
from vita.model.method import Vita
from vita.model.network import VitaVariant
from vita.model.tracks import choose
from vita.official.conformance.check import EXACT, MASK_LOGITS, VALUES, compare, compare_masks, compare_numbers
from vita.official.conformance.recording import Recording, StoredFrames, Tensors
from vita.official.contract import Check


@torch.no_grad()
def inference_checks(model: Vita, recording: Recording, stem: str) -> Iterator[Check]:
    """Whole inference on the frames recorded beside it, predictions matched by (query, class)."""
    tensors, group = recording.tensors(stem), f"{recording.folder.name}/{stem}"
    frames = recording.tensors(stem.replace("inference", "eval") + "_detector")["frames_uint8"]
    yield from prediction_checks(model, frames, tensors["out_height_width"].tolist(), tensors, group)


def prediction_checks(
    model: Vita, frames: Tensor, out_size: list[int], tensors: Tensors, group: str
) -> Iterator[Check]:
    """What is predicted for frames (T, 3, H, W) at out_size (height, width): choice, labels, scores and masks."""
    source = StoredFrames(frames, *out_size)
    count, recorded_scores = len(tensors["pred_scores"]), tensors["pred_scores"]
    if "topk_flat_index" in tensors:
        yield from _choice_checks(model, source, count, tensors, group)
    tracks = model.predict(source, {"only": VitaVariant()}, top_k=count).tracks["only"]
    order = recorded_scores.argsort(descending=True)  # recorded as top-k left them, unsorted
    labels = [track.label for track in tracks]
    yield compare_numbers(f"{group} labels", labels, tensors["pred_labels"][order].tolist(), EXACT)
    scores = [track.score for track in tracks]
    yield compare_numbers(f"{group} scores", scores, recorded_scores[order].tolist(), VALUES)
    if "pred_masks" in tensors:
        masks = decode([track.segmentations for track in tracks])
        yield compare_masks(f"{group} masks", masks, tensors["pred_masks"][order].cpu().numpy())


def _choice_checks(model: Vita, source: StoredFrames, count: int, tensors: Tensors, group: str) -> Iterator[Check]:
    """Class scores and mask logits of the chosen pairs, before masks rescore and threshold them."""
    device = model.mask_projection.weight.device
    seen = encode_at_once(model, source, top_k=1)
    queries, no_object = (store.read(0, len(source)).to(device) for store in (seen.kept.queries, seen.kept.no_object))
    output = model.associate(queries, no_object, VitaVariant())
    choice = choose(output, count)
    classes = output.class_logits.shape[-1] - 1
    ours = (choice.queries * classes + choice.labels).argsort()
    theirs = tensors["topk_flat_index"].argsort()
    pairs = [
        (choice.queries[ours] * classes + choice.labels[ours], tensors["topk_flat_index"][theirs]),
        (choice.queries[ours], tensors["topk_query_index"][theirs]),
    ]
    yield compare(f"{group} chosen", pairs, EXACT)
    pair = choice.scores[ours], tensors["class_scores_topk"][theirs]
    yield compare(f"{group} class scores", [pair], VALUES)
    if "pred_mask_logits_before_threshold" in tensors:
        kernels, features = choice.mask_embeddings[choice.queries[ours]], torch.cat(list(seen.features(0, len(source))))
        logits = to_network_size(torch.einsum("nc,tchw->nthw", kernels, features), seen.geometry)
        recorded = tensors["pred_mask_logits_before_threshold"][theirs]
        yield compare(f"{group} mask logits", [(to_out_size(logits, seen.geometry), recorded)], MASK_LOGITS)
