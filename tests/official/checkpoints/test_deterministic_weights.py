"""Weights made from names: the rules by hand, and their independence from what stands beside them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from vita.official.checkpoints.deterministic_weights import portable_weights


def normal(key: str, count: int) -> torch.Tensor:
    """The stream of a key, as numpy's oldest generator gives it."""
    return torch.from_numpy(np.random.RandomState(zlib.crc32(key.encode())).standard_normal(count))


def one(key: str, *shape: int) -> torch.Tensor:
    return portable_weights({key: shape})[key]


def test_the_generator_is_the_one_that_every_numpy_has() -> None:
    # 0.15 times the first numbers of the stream seeded with crc32("a.bias") = 1868061054.
    expected = torch.tensor([0.04698168221840249, 0.2250867386088524, -0.12386759775776332])
    assert torch.equal(one("a.bias", 3), expected)


@pytest.mark.parametrize(
    ("key", "shape", "scale", "shift"),
    [
        ("norm.running_mean", (6,), 0.2, 0.0),
        ("norm.bias", (6,), 0.15, 0.0),
        ("norm.weight", (6,), 0.2, 1.0),
        ("res2.0.conv3.norm.weight", (6,), 0.1, 0.5),
        ("conv.weight", (2, 5, 2, 2), 0.2828427, 0.0),  # sqrt(1.6 / (5 * 2 * 2))
        ("linear.weight", (3, 16), 0.25, 0.0),  # sqrt(1 / 16)
        ("attn.out_proj.weight", (16, 16), 0.125, 0.0),
        ("attn.relative_position_bias_table", (9, 2), 0.5, 0.0),
        ("predictor.query_feat.weight", (3, 4), 1.0, 0.0),
        ("transformer.level_embed", (3, 4), 1.0, 0.0),
        ("memory_bus", (3, 4), 1.0, 0.0),
    ],
)
def test_scale_by_kind(key: str, shape: tuple[int, ...], scale: float, shift: float) -> None:
    expected = normal(key, int(np.prod(shape))).reshape(shape) * scale + shift
    torch.testing.assert_close(one(key, *shape), expected.float(), rtol=1e-6, atol=1e-7)


def test_variances_come_after_the_normal_numbers_and_lie_between_point_six_and_one_point_four() -> None:
    random = np.random.RandomState(zlib.crc32(b"norm.running_var"))
    random.standard_normal(100)
    values = one("norm.running_var", 100)
    np.testing.assert_array_equal(values.numpy(), (0.6 + 0.8 * random.random_sample(100)).astype(np.float32))
    assert values.min() >= 0.6
    assert values.max() <= 1.4


def test_queries_and_keys_of_a_stacked_projection_are_doubled() -> None:
    values, plain = one("attn.in_proj_weight", 12, 4), normal("attn.in_proj_weight", 48).reshape(12, 4) * 0.5
    torch.testing.assert_close(values[:8], 2 * plain[:8].float())
    torch.testing.assert_close(values[8:], plain[8:].float())


def test_counters_index_tables_and_class_weights_are_left_out() -> None:
    layout = {"n.num_batches_tracked": (), "a.relative_position_index": (4, 4), "criterion.empty_weight": (4,)}
    assert portable_weights(layout) == {}


def test_a_tensor_depends_on_its_own_name_alone() -> None:
    together = portable_weights({"a.weight": (3, 3), "b.weight": (3, 3)})
    assert torch.equal(together["a.weight"], one("a.weight", 3, 3))
    assert not torch.equal(together["a.weight"], together["b.weight"])
    assert {tensor.dtype for tensor in together.values()} == {torch.float32}
