"""Following the queries of a frame detector from frame to frame: the online tracker of MinVIS.

Legend: F frames, Q queries of a frame, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vita.blocks.host_transfer import on_host


class QueryTracker:
    """Goes on with the tracks of a video, which are the queries of its first frame, one chunk of frames after another.

    Queries of neighbouring frames are matched one to one, so that the sum of their cosine similarities is largest. No
    track begins later or ends earlier, and no later frame changes what was said of an earlier one.
    """

    def __init__(self) -> None:
        self._last: Tensor | None = None  # (1, Q, C): directions of the last frame's queries
        self._order: Tensor | None = None  # (Q,): the query of the last frame that goes on with each track

    def follow(self, queries: Tensor) -> Tensor:
        """The next frames' queries (F, Q, C) -> which query goes on with each track (F, Q), on the same device."""
        directions = F.normalize(queries.float(), dim=2)
        # Compare each frame with the one before it; the first frame of the video has none, and names the tracks.
        before = directions[:1] if self._last is None else self._last
        similarities = torch.cat([before, directions[:-1]]) @ directions.transpose(1, 2)  # (F, Q, Q)
        order = torch.arange(queries.shape[1]) if self._order is None else self._order
        orders = []
        for number, matrix in enumerate(on_host(list(similarities))):
            if self._last is not None or number:
                order = match_queries(matrix)[order]
            orders.append(order)
        self._last, self._order = directions[-1:], order
        return torch.stack(orders).to(queries.device)


def match_queries(similarity: Tensor) -> Tensor:
    """Which query of a frame each query of the frame before becomes (Q,), one to one.

    similarity: (Q before, Q), in host memory; the sum of those that are matched is the largest there is.
    """
    _, chosen = linear_sum_assignment(similarity.numpy(), maximize=True)
    return torch.from_numpy(chosen)
