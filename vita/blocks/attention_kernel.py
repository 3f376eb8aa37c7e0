"""How attention is computed: what it computes is the same, what it holds in memory is not.

"fused" is scaled_dot_product_attention, which never holds the matrix of attention weights. "materialised" holds it as
PyTorch's multi-head attention does when it is asked for the weights, and so do the released codes of VITA, IFC,
Mask2Former-VIS and VisTR. "chunked" is for methods that also work through their tokens a few frames at a time.

Legend: B sequences, M query tokens, S key tokens, c channels of a head.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vita.core.contract import AttentionPath


def attention_path(path: AttentionPath, float_masks: bool = False) -> AbstractContextManager[object]:
    """Attention inside the context takes this path.

    float_masks: materialised attention is masked by numbers that are added, of its full size, even where nothing is
    masked: so does the release in the windows of VITA's Object Encoder.
    """
    return MaterialisedAttention(float_masks) if path == "materialised" else nullcontext()


class MaterialisedAttention(TorchFunctionMode):
    """Puts `materialised` in the place of scaled_dot_product_attention."""

    def __init__(self, float_masks: bool) -> None:
        super().__init__()
        self._float_masks = float_masks

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `torch.overrides`."""
        if func is F.scaled_dot_product_attention:
            return materialised(*args, **{**(kwargs or {}), "float_masks": self._float_masks})
        return func(*args, **(kwargs or {}))


def materialised(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    float_masks: bool = False,
) -> Tensor:
    """query: (B, heads, M, c); key, value: (B, heads, S, c) -> (B, heads, M, c), without dropout.

    attn_mask: bool, which may be broadcast to (B, heads, M, S), True where attention is allowed.
    """
    assert dropout_p == 0.0, "for inference"
    sizes = (*query.shape[:3], key.shape[2])
    queries, keys, values = (tokens.flatten(0, 1) for tokens in (query, key, value))
    scaled = queries * queries.shape[-1] ** -0.5
    if attn_mask is None and not float_masks:
        weights = torch.bmm(scaled, keys.transpose(1, 2))
    else:
        added = _added(attn_mask, sizes, query)  # whoever calls the multi-head attention holds it until it is done
        weights = torch.baddbmm(added, scaled, keys.transpose(1, 2))
    weights = weights.softmax(-1)
    attended = torch.bmm(weights, values)
    weights.unflatten(0, sizes[:2]).mean(1)  # what the multi-head attention gives beside its result
    return attended.unflatten(0, sizes[:2])


def _added(allowed: Tensor | None, sizes: tuple[int, ...], like: Tensor) -> Tensor:
    """The mask as numbers, (B * heads, M, S)."""
    added = like.new_zeros(sizes)
    if allowed is not None:
        added.masked_fill_(~allowed, float("-inf"))
    return added.flatten(0, 1)
