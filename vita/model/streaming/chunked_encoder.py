"""The Object Encoder fed a few frames at a time: a layer works on a group of frames as soon as all of it is there.

Legend: t frames at once, Q object tokens of a frame, C channels, W frames of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from vita.model.object_encoder import ObjectEncoder


class LayerStream:
    """One `EncoderLayer`. At most W - 1 frames wait in it for the rest of their group."""

    def __init__(self, layer: nn.Module, window: int, shifted: bool) -> None:
        self._layer, self._window = layer, window
        # Where a group ends does not depend on how many frames follow, save for the last one, which is cut short.
        self._next_group = window // 2 if shifted and window > 1 else window
        self._waiting: Tensor | None = None

    def push(self, tokens: Tensor) -> Tensor:
        """The next frames (t, Q, C) -> those frames, of these and the waiting ones, whose groups are complete."""
        waiting = tokens if self._waiting is None else torch.cat([self._waiting, tokens])
        groups, done = [], 0
        while done + self._next_group <= len(waiting):
            groups.append((done, done + self._next_group))
            done, self._next_group = done + self._next_group, self._window
        self._waiting = waiting[done:].clone()  # a view would keep the whole chunk
        return self._run(waiting[:done], groups)

    def finish(self) -> Tensor:
        """No frames follow: the last group."""
        assert self._waiting is not None
        return self._run(self._waiting, [(0, len(self._waiting))])

    def _run(self, tokens: Tensor, groups: list[tuple[int, int]]) -> Tensor:
        done: Tensor = self._layer(tokens[None], groups)[0] if len(tokens) else tokens
        return done


def stream_tokens(encoder: ObjectEncoder, chunks: Iterable[Tensor], window: int, shift: bool) -> Iterator[Tensor]:
    """Frame queries (t, Q, C), chunk by chunk -> object tokens (t', Q, C), frame by frame what `encoder` gives.

    Memory is that of a chunk and, in every layer, of a window; window 0, which has no end, cannot be streamed.
    """
    assert window > 0
    layers = [LayerStream(layer, window, shift and number % 2 == 1) for number, layer in enumerate(encoder.layers)]
    for chunk in chunks:
        yield _through(layers, encoder.project(chunk))
    for number, layer in enumerate(layers):
        yield _through(layers[number + 1 :], layer.finish())


def _through(layers: Sequence[LayerStream], tokens: Tensor) -> Tensor:
    for layer in layers:
        tokens = layer.push(tokens)
    return tokens
