"""From the predictions of a whole video to its tracks.

Legend: N queries, K classes, k kept pairs, M masks.
"""

from __future__ import annotations

from torch import Tensor

from vita.contract import Track
from vita.mask_decoding import MaskTracks


def top_pairs(class_logits: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The k best of (..., N, K+1) over all (query, class) pairs: scores, labels and queries, (..., k) each."""
    probabilities = class_logits.softmax(-1)[..., :-1]
    classes = probabilities.shape[-1]
    flat = probabilities.flatten(-2)
    scores, pairs = flat.topk(min(top_k, flat.shape[-1]), dim=-1)
    return scores, pairs % classes, pairs // classes


def tracks_of(labels: Tensor, scores: Tensor, masks: MaskTracks, rows: Tensor) -> list[Track]:
    """Tracks, best first: labels, scores and rows (k,), the rows being numbers among the M masks."""
    found = zip(labels.tolist(), scores.tolist(), rows.tolist(), strict=True)
    tracks = [Track(label, score, masks.segmentations[row]) for label, score, row in found]
    return sorted(tracks, key=lambda track: -track.score)
