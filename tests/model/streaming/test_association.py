"""The video-level module in chunks gives what it gives for the whole video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_vita import TINY

from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.model.object_encoder import ObjectEncoder
from vita.model.pruning import Control
from vita.model.streaming import association
from vita.model.streaming.association import FrameQueries, associate_in_chunks
from vita.model.streaming.chunked_decoder import RunningAttention
from vita.model.streaming.chunked_encoder import stream_tokens
from vita.model.streaming.frame_store import MemoryStore

LENGTHS, WINDOWS = (1, 5, 6, 7, 50, 301), (3, 5, 6, 12)


def kept(frames: int, queries: int, channels: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(frames, queries, channels, generator=random), torch.rand(frames, queries, generator=random)


def stored(*tensors: torch.Tensor) -> list[MemoryStore]:
    stores = []
    for tensor in tensors:
        store = MemoryStore(torch.device("cpu"))
        store.append(tensor)
        stores.append(store)
    return stores


def hold(model: Vita, frames: int, variant: VitaVariant, folder: Path, at_once: int) -> None:
    """Class logits, scores and mask embeddings within 1e-4 of those of the whole video, mask logits within 1e-3."""
    queries, no_object = kept(frames, model.object_decoder.token_position.num_embeddings, 32)
    with torch.no_grad():
        whole = model.associate(queries, no_object, variant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(association, "FRAMES_AT_ONCE", at_once)
        part = FrameQueries(*stored(queries, no_object), 0, frames)
        chunked = associate_in_chunks(model, part, variant, folder)
    torch.testing.assert_close(chunked.class_logits, whole.class_logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(chunked.class_logits.softmax(-1), whole.class_logits.softmax(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(chunked.mask_embeddings, whole.mask_embeddings, atol=1e-4, rtol=0)
    features = torch.randn(frames, 32, 4, 6)
    ours, theirs = (mask_logits(output.mask_embeddings[-1, 0], features) for output in (chunked, whole))
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)
    assert list(folder.iterdir()) == []


def mask_logits(embeddings: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nc,tchw->nthw", embeddings, features)


@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("frames", LENGTHS)
def test_as_the_whole_video(
    tiny_vita: Callable[..., Vita], tmp_path: Path, frames: int, window: int, ratio: float
) -> None:
    model = tiny_vita(encoder_layers=4).eval()
    for at_once in (4, 6, 36):
        hold(model, frames, VitaVariant(window=window, prune_ratio=ratio), tmp_path, at_once)


@settings(max_examples=60)
@given(
    frames=st.integers(1, 40),
    window=st.integers(0, 13),
    ratio=st.floats(0.05, 1.0),
    shift=st.booleans(),
    control=st.sampled_from([None, "zero", "first_frame", "one_token"]),
    at_once=st.integers(1, 45),
)
def test_any_variant_in_chunks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory,
    frames: int,
    window: int,
    ratio: float,
    shift: bool,
    control: Control | None,
    at_once: int,
) -> None:
    torch.manual_seed(1)
    model = definition.build({**TINY, "encoder_layers": 3}, num_classes=3).eval()
    assert isinstance(model, Vita)
    variant = VitaVariant(window=window, prune_ratio=ratio, control=control, shift=shift)
    hold(model, frames, variant, tmp_path_factory.mktemp("scratch"), at_once)


def test_a_part_of_a_video_is_a_video(tiny_vita: Callable[..., Vita], tmp_path: Path) -> None:
    model = tiny_vita().eval()
    queries, no_object = kept(20, 6, 32)
    variant = VitaVariant(window=3, control="first_frame")
    chunked = associate_in_chunks(model, FrameQueries(*stored(queries, no_object), 7, 18), variant, tmp_path)
    with torch.no_grad():
        whole = model.associate(queries[7:18], no_object[7:18], variant)
    torch.testing.assert_close(chunked.queries, whole.queries, atol=1e-5, rtol=0)


@given(st.integers(1, 60), st.integers(1, 14), st.lists(st.integers(1, 9), min_size=60))
def test_a_layer_never_waits_longer_than_for_its_group(frames: int, window: int, sizes: list[int]) -> None:
    """What has come out of one layer after n frames are all whole windows among them."""
    encoder = ObjectEncoder(channels=4, heads=2, feedforward=4, layers=1).eval()
    seen, out = 0, 0

    def chunks() -> Iterator[torch.Tensor]:
        nonlocal seen
        for size in sizes:
            if seen < frames:
                coming = min(size, frames - seen)
                seen += coming
                yield torch.zeros(coming, 2, 4)

    with torch.no_grad():
        for tokens in stream_tokens(encoder, chunks(), window, shift=False):
            out += len(tokens)
            assert out in (frames, seen // window * window)
    assert out == frames


def test_running_softmax_by_hand() -> None:
    """One head, one channel, query 1: scores are the keys. Weights 1, 2, 4 of the values 1, 2, 3: 17 / 7."""
    running = RunningAttention(torch.ones(1, 1, 1))
    for key, value in ((0.0, 1.0), (0.6931472, 2.0), (1.3862944, 3.0)):
        running.add(torch.tensor([[[key]]]), torch.tensor([[[value]]]))
    assert running.result().item() == pytest.approx(17 / 7, rel=1e-6)


def test_running_softmax_of_scores_too_large_for_exp() -> None:
    running = RunningAttention(torch.ones(1, 1, 1))
    for key, value in ((500.0, 1.0), (1000.0, 5.0), (-1000.0, 9.0)):
        running.add(torch.tensor([[[key]]]), torch.tensor([[[value]]]))
    assert running.result().item() == 5.0
