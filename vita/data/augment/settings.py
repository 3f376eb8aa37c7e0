"""Augmentation of a training clip, drawn once for all its frames.

Legend: T frames. Source: released training code of VITA; jitter as in detectron2.
"""

from __future__ import annotations

import numpy as np

from vita.core.run_config import AugmentationConfig, CropConfig, JitterConfig, RotationConfig
from vita.data.augment.clip_transform import ClipTransform, Step
from vita.data.augment.resize import short_edge_size
from vita.data.augment.transforms import Crop, Flip, Pad, Resize, Rotation, Size, Transform


def draw_transform(config: AugmentationConfig, size: Size, frames: int, rng: np.random.Generator) -> ClipTransform:
    """A transform for a clip of `frames` frames of this size (height, width).

    Crop, resize, flip, rotation, as far as they are configured; with jitter: flip, rotation, jitter.
    """
    steps: list[Step] = []
    if config.jitter is None:
        steps += _draw_crop(config.crop, size, frames, rng) if config.crop else []
        if config.short_edges:
            old = _size(steps, size)
            short_edge = int(rng.choice(config.short_edges))
            steps += _resize(old, short_edge_size(*old, short_edge, config.max_edge), frames)
    if rng.random() < config.flip_probability:
        steps.append(Step((Flip(_size(steps, size)[1]),) * frames, _size(steps, size)))
    if config.rotation is not None:
        steps.append(_draw_rotation(config.rotation, _size(steps, size), frames, rng))
    if config.jitter is not None:
        steps += _draw_jitter(config.jitter, size, frames, rng)
    return ClipTransform(size, tuple(steps))


def _size(steps: list[Step], size: Size) -> Size:
    return steps[-1].size if steps else size


def _resize(old: Size, new: Size, frames: int) -> list[Step]:
    return [Step((Resize(old, new),) * frames, new)] if new != old else []


def _draw_crop(config: CropConfig, size: Size, frames: int, rng: np.random.Generator) -> list[Step]:
    """A resize, where there is one, and a window; or nothing."""
    if rng.random() >= config.probability:
        return []
    resized = size
    if config.short_edges:
        resized = short_edge_size(*size, int(rng.choice(config.short_edges)), config.max_edge)
    window = tuple(
        int(rng.integers(min(config.smallest, edge), min(config.largest, edge), endpoint=True)) for edge in resized
    )
    starts = _draw_starts(np.subtract(resized, window), config.moves, frames, rng)
    crops: tuple[Transform, ...] = tuple(Crop(int(left), int(top), window[1], window[0]) for top, left in starts)
    return [*_resize(size, resized, frames), Step(crops, (window[0], window[1]))]


def _draw_starts(room: np.ndarray, moves: bool, frames: int, rng: np.random.Generator) -> np.ndarray:
    """The corner (top, left) of the window in every frame, (T, 2) whole pixels up to `room` (2)."""
    first = rng.integers(0, room, endpoint=True)
    if not moves:
        return np.repeat(first[None], frames, axis=0)
    second = rng.integers(first, room, endpoint=True)
    starts = window_starts(first, second, np.sort(rng.random(frames)))
    return starts[::-1] if rng.random() < 0.5 else starts


def window_starts(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The corner (top, left) of the window in every frame, (T, 2) whole pixels.

    It lies on the line between two corners, at the ascending `weights` in 0..1 (T): both move in one direction.
    """
    return np.rint(first + weights[:, None] * np.subtract(second, first)).astype(int)


def _draw_rotation(config: RotationConfig, size: Size, frames: int, rng: np.random.Generator) -> Step:
    """Angles that grow or fall through the clip, about one centre."""
    angles = np.sort(rng.uniform(-config.degrees, config.degrees, frames))
    low, high = config.centre
    x, y = rng.uniform(low, high, 2) * (size[1], size[0])
    if rng.random() < 0.5:
        angles = angles[::-1]
    return Step(tuple(Rotation(float(angle), (float(x), float(y))) for angle in angles), size)


def _draw_jitter(config: JitterConfig, size: Size, frames: int, rng: np.random.Generator) -> list[Step]:
    """A resize to fit into a square of `scale` times the size asked, a window of it, and grey to fill the square.

    The window lies at the same share of the room in both directions. Objects outside of it are lost, as by a crop.
    """
    scale = min(config.size * rng.uniform(*config.scale) / np.asarray(size))
    resized = tuple(max(1, int(edge)) for edge in np.rint(scale * np.asarray(size)))
    square = config.size, config.size
    window = np.minimum(resized, square)
    top, left = np.rint(rng.random() * np.subtract(resized, window)).astype(int)
    crop = Crop(int(left), int(top), int(window[1]), int(window[0]))
    cut = [Step((crop,) * frames, (crop.height, crop.width))] if (crop.height, crop.width) != resized else []
    pad = [Step((Pad(square),) * frames, square)] if (crop.height, crop.width) != square else []
    return [*_resize(size, (resized[0], resized[1]), frames), *cut, *pad]
