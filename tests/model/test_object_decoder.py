"""Symmetries of the Object Decoder: it knows a token's query number, and nothing of time or order."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vita.model.object_decoder import ObjectDecoder


@pytest.fixture
def decoder() -> ObjectDecoder:
    torch.manual_seed(0)
    sizes = {"channels": 16, "heads": 4, "feedforward": 32, "layers": 2}
    return ObjectDecoder(**sizes, video_queries=5, frame_queries=4).eval()


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(2, 3, 4, 16, generator=torch.Generator().manual_seed(1))  # 2 clips, 3 frames, 4 queries


def all_slots(tokens: Tensor) -> Tensor:
    return torch.arange(tokens.shape[2]).expand(tokens.shape[:3])


@torch.no_grad()
def test_one_output_a_layer(decoder: ObjectDecoder, tokens: Tensor) -> None:
    assert decoder(tokens).shape == (2, 2, 5, 16)


@torch.no_grad()
def test_slots_of_all_queries_in_order_are_no_slots(decoder: ObjectDecoder, tokens: Tensor) -> None:
    assert_close(decoder(tokens, all_slots(tokens)), decoder(tokens))


@torch.no_grad()
def test_order_of_tokens_does_not_matter_when_slots_follow(decoder: ObjectDecoder, tokens: Tensor) -> None:
    order = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(2)).argsort(-1)
    permuted = tokens.gather(2, order[..., None].expand_as(tokens))
    assert_close(decoder(permuted, order), decoder(tokens))
    assert (decoder(permuted) - decoder(tokens)).abs().max() > 1e-2


@torch.no_grad()
def test_order_of_frames_does_not_matter(decoder: ObjectDecoder, tokens: Tensor) -> None:
    assert_close(decoder(tokens.flip(1)), decoder(tokens))


@torch.no_grad()
def test_a_video_repeated_is_the_same_video(decoder: ObjectDecoder, tokens: Tensor) -> None:
    assert_close(decoder(torch.cat([tokens, tokens], 1)), decoder(tokens))


@torch.no_grad()
def test_survivors_keep_their_own_position(decoder: ObjectDecoder, tokens: Tensor) -> None:
    kept = tokens[:, :, [1, 3]]
    query_indices = torch.tensor([1, 3]).expand(2, 3, 2)
    renumbered = ObjectDecoder(channels=16, heads=4, feedforward=32, layers=2, video_queries=5, frame_queries=2)
    weights = decoder.state_dict()
    weights["token_position.weight"] = weights["token_position.weight"][[1, 3]]
    renumbered.load_state_dict(weights)
    assert_close(decoder(kept, query_indices), renumbered(kept))
    assert (decoder(kept, query_indices) - decoder(kept, query_indices - 1)).abs().max() > 1e-2


@torch.no_grad()
def test_a_batch_is_its_clips_one_by_one(decoder: ObjectDecoder, tokens: Tensor) -> None:
    assert_close(decoder(tokens), torch.cat([decoder(clip[None]) for clip in tokens], dim=1))


@torch.no_grad()
def test_values_carry_no_position(decoder: ObjectDecoder) -> None:
    """With all tokens alike, attention has nothing to choose, so the position of keys has no effect."""
    alike = torch.randn(16).expand(1, 3, 4, 16)
    before = decoder(alike)
    torch.nn.init.normal_(decoder.token_position.weight, std=5.0)
    assert_close(decoder(alike), before)
