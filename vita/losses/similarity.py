"""Similarity loss: embeddings of one identity attract, of two identities repel (paper, section 3.3).

Legend: M matched embeddings of one clip, C channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def similarity_loss(groups: list[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
    """Mean binary cross-entropy of all dot products inside each group against "same identity".

    groups: one a (frame-decoder layer, clip): embeddings (M, C) of matched frame and video queries, identities (M,).
    Plain dot products without temperature; every ordered pair counts, an embedding with itself too, as in the release.
    like: any tensor of the graph, which gives the zero of an empty batch its device.
    """
    total, pairs = like.sum() * 0.0, 0
    for embeddings, identities in groups:
        logits = embeddings.float() @ embeddings.float().T
        same = (identities[:, None] == identities[None]).float()
        total = total + F.binary_cross_entropy_with_logits(logits, same, reduction="sum")
        pairs += same.numel()
    return total / (pairs + 1e-6)
