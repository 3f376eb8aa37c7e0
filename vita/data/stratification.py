"""A split of videos into two parts in which every category keeps its share.

Source: iterative stratification of multi-label data: the rarest category that is left is dealt out first.

Legend: N videos, K categories and, last, one that every video has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.bool_]  # (N, K + 1)


def choose_valid(categories: Mapping[int, Collection[int]], valid_share: float, seed: int) -> frozenset[int]:
    """Ids of the videos to validate on, of `categories`: video id -> ids of the categories seen in it.

    The same videos and seed give the same answer, in whatever order they come. Two videos at least give a video in
    each part. A category of two or more videos is in both parts, unless every single change that would bring it there
    takes another one away; a category of one video is learned from.
    """
    ids = np.random.default_rng(seed).permutation(sorted(categories))
    names = sorted({name for seen in categories.values() for name in seen})
    labels = np.ones((len(ids), len(names) + 1), bool)
    labels[:, :-1] = [[name in categories[video] for name in names] for video in ids.tolist()]
    valid = _deal_out(labels, valid_share)
    _bring_into_both_parts(labels, valid, valid_share)
    return frozenset(ids[valid].tolist())


def _deal_out(labels: Labels, valid_share: float) -> NDArray[np.bool_]:
    """(N,): whether a video is to validate on. Each goes where its rarest category lacks most."""
    counts = labels.sum(axis=0)
    for_valid = np.where(counts > 1, np.clip(valid_share * counts, 1, counts - 1), 0.0)
    lacking = np.stack([counts - for_valid, for_valid])  # of each category in train, in valid
    valid, left = np.zeros(len(labels), bool), np.ones(len(labels), bool)
    while left.any():
        remaining = labels[left].sum(axis=0)
        rarest = int(np.argmin(np.where(remaining > 0, remaining, len(labels) + 1)))
        for video in np.flatnonzero(left & labels[:, rarest]):
            train_lacks, valid_lacks = lacking[:, [rarest, -1]].tolist()
            valid[video] = valid_lacks > train_lacks  # where they tie, what all videos lack decides
            lacking[int(valid[video]), labels[video]] -= 1
            left[video] = False
    return valid


def _bring_into_both_parts(labels: Labels, valid: NDArray[np.bool_], valid_share: float) -> None:
    """Move single videos while that leaves fewer categories in one part only; of such moves the one nearest to shares.

    Several categories in one video may have been dealt out to the same part with it.
    """
    counts = labels.sum(axis=0)

    def in_one_part(of_valid: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(((counts > 1) & ((of_valid == 0) | (of_valid == counts))).sum(axis=-1))

    while len(labels) > 1 and in_one_part(now := labels[valid].sum(axis=0)) > 0:
        after = now + np.where(valid, -1, 1)[:, None] * labels  # (N, K + 1), were that video moved
        distance = ((after - valid_share * counts) ** 2 / counts).sum(axis=1)
        best = np.lexsort((distance, in_one_part(after)))[0]
        if in_one_part(after[best]) >= in_one_part(now):
            return
        valid[best] = not valid[best]
