"""Paths of attention give the same numbers; only one of them holds the weights."""

from __future__ import annotations

import pytest
import torch

from vita.blocks.attention import AttentionBlock
from vita.blocks.attention_kernel import attention_path, materialised
from vita.core.contract import AttentionPath
from vita.engine.memory.tracker import MemoryTracker


def block() -> AttentionBlock:
    torch.manual_seed(0)
    return AttentionBlock(16, 4).eval().requires_grad_(False)


@pytest.mark.parametrize("float_masks", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_all_paths_give_the_same(masked: bool, float_masks: bool) -> None:
    queries, keys = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    allowed = torch.rand(2, 5, 7) > 0.5 if masked else None
    if allowed is not None:
        allowed[..., 0] = True
    expected = block()(queries, queries, keys, keys, allowed)
    with attention_path("materialised", float_masks):
        ours = block()(queries, queries, keys, keys, allowed)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=0)


def peak(path: AttentionPath, tokens: int, float_masks: bool = False) -> int:
    queries = torch.randn(1, tokens, 16)
    model = block()
    with attention_path(path, float_masks), MemoryTracker() as tracker:
        model(queries, queries, queries, queries)
    return tracker.peak_bytes


def test_what_is_held() -> None:
    """Beside what grows with tokens: scores and their softmax, 4 heads * tokens^2 * 4 bytes each; a mask is a third."""
    matrix = 4 * 200 * 200 * 4
    assert 2 * matrix < peak("materialised", 200) < 2.3 * matrix
    assert 3 * matrix < peak("materialised", 200, float_masks=True) < 3.3 * matrix
    assert peak("fused", 200) < 0.3 * matrix
    assert peak("chunked", 200) == peak("fused", 200)


def test_elsewhere_attention_stays_as_it_is() -> None:
    query = torch.randn(1, 1, 3, 4)
    with attention_path("materialised"):
        pass
    with MemoryTracker() as tracker:
        fused = torch.nn.functional.scaled_dot_product_attention(query, query, query)
    assert "softmax" not in tracker.peak_operation
    torch.testing.assert_close(fused, materialised(query, query, query), atol=1e-6, rtol=0)
