"""Masks and their gradients are those of the plain product, whatever the losses look at."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from vita.blocks.mask_product import mask_product


@given(
    looked_at=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
)
def test_gradients_are_those_of_the_plain_product(looked_at: list[list[bool]], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    seen = torch.tensor(looked_at)  # (B, Q): none, some or all of an image's masks
    kernels = torch.randn(len(seen), 4, 3, generator=random, dtype=torch.float64, requires_grad=True)
    maps = torch.randn(len(seen), 3, 5, generator=random, dtype=torch.float64, requires_grad=True)
    found = [
        (masks, *torch.autograd.grad((masks.square() * seen[..., None]).sum(), (kernels, maps)))
        for masks in (mask_product(kernels, maps), kernels @ maps)
    ]
    for ours, plain in zip(*found, strict=True):
        assert_close(ours, plain, atol=1e-12, rtol=1e-12)


def test_a_gradient_that_is_no_number_is_passed_on() -> None:
    kernels, maps = torch.ones(1, 2, 1, requires_grad=True), torch.ones(1, 1, 1, requires_grad=True)
    masks = mask_product(kernels, maps)
    of_kernels, of_maps = torch.autograd.grad(masks, (kernels, maps), torch.tensor([[[0.0], [torch.nan]]]))
    assert of_kernels.flatten().isnan().tolist() == [False, True] and bool(of_maps.isnan())
