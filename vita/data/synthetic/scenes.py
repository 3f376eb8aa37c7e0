"""Scripts of procedural scenes: which objects a video has, where each one is, and when it can be seen.

Legend: N objects, T frames. Positions are (row, column) in pixels, times in frames, angles in radians.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vita.core.dataset_config import ShapesConfig

RAMP_FRAMES = 4  # an object takes this long to slide into or out of the picture
SHORTEST_PLOT = 6  # frames below which nothing enters, leaves or meets


@dataclass(frozen=True)
class Meeting:
    """Two objects move onto each other from frame `start` to `stop`; they swap places or each goes back."""

    pair: tuple[int, int]
    start: int
    stop: int
    swap: bool


@dataclass(frozen=True)
class Scene:
    """One video before it is painted. Objects are numbered from the farthest to the nearest.

    labels: (N,) class numbers.  hues: (N,) in [0, 1).  centres: (N, T, 2).  radii, angles: (N, T).
    shown: (N, T) bool, False while an object is hidden.  light: (T, 3) gain of each colour channel.
    """

    labels: np.ndarray
    hues: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    angles: np.ndarray
    shown: np.ndarray
    light: np.ndarray
    meetings: tuple[Meeting, ...]


def draw_scene(config: ShapesConfig, frames: int, rng: np.random.Generator) -> Scene:
    """A scene of `frames` frames in which the class tells objects apart less often than their hue does."""
    count = int(rng.integers(config.min_objects, config.max_objects + 1))
    radii = _radii(config, count, frames, rng)
    centres = _wander(config, _anchors(config, count, rng), frames, rng)
    away, shown = _plot(config, count, frames, rng)
    labels = _labels(config.classes, count, rng)
    meetings = _meetings(config, labels, shown & (away < 0.5), rng)
    for meeting in meetings:
        centres = _meet(centres, meeting)
    scene = Scene(
        labels=labels,
        hues=_hues(config.difficulty, count, rng),
        centres=_slide_out(centres, radii, away, config.width),
        radii=radii,
        angles=rng.uniform(0, 2 * np.pi, (count, 1)) + rng.uniform(-0.15, 0.15, (count, 1)) * np.arange(frames),
        shown=shown,
        light=_light(config.difficulty, frames, rng),
        meetings=meetings,
    )
    return _shuffle_depth(scene, rng)


def _shuffle_depth(scene: Scene, rng: np.random.Generator) -> Scene:
    """The first object is always on stage at the start, so without this it would always be the farthest."""
    order = rng.permutation(len(scene.labels))
    place = np.argsort(order)
    per_object = ("labels", "hues", "centres", "radii", "angles", "shown")
    meetings = tuple(replace(m, pair=(int(place[m.pair[0]]), int(place[m.pair[1]]))) for m in scene.meetings)
    return replace(scene, meetings=meetings, **{name: getattr(scene, name)[order] for name in per_object})


def _labels(classes: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Each object after the first repeats the previous one's class with probability 1/2."""
    labels = [int(rng.integers(classes))]
    for _ in range(count - 1):
        step = 0 if classes == 1 or rng.random() < 0.5 else int(rng.integers(1, classes))
        labels.append((labels[-1] + step) % classes)
    return np.array(labels)


def _hues(difficulty: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Hues evenly around the circle at difficulty 0, neighbours 0.07 of it apart at difficulty 1."""
    step = (1 - difficulty) / count + difficulty * 0.07
    ladder = np.arange(count) + rng.uniform(-0.15, 0.15, count)
    return rng.permutation((rng.random() + step * ladder) % 1.0)


def _wave(frequencies: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Sinusoids of the given cycles a frame and random phase: (..., T)."""
    phase = rng.random((*frequencies.shape, 1))
    return np.sin(2 * np.pi * (frequencies[..., None] * np.arange(frames) + phase))


def _radii(config: ShapesConfig, count: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    base = rng.uniform(0.16, 0.28, (count, 1)) * min(config.height, config.width)
    swing = rng.uniform(0.0, 0.2, (count, 1))
    return base * (1 + swing * _wave(rng.uniform(0.01, 0.05, count), frames, rng))


def _anchors(config: ShapesConfig, count: int, rng: np.random.Generator) -> np.ndarray:
    """Places that keep their distance: each is the best of ten draws. (N, 2)."""
    low = np.array([0.22, 0.15]) * (config.height, config.width)
    high = np.array([0.78, 0.85]) * (config.height, config.width)
    places = [rng.uniform(low, high)]
    for _ in range(count - 1):
        draws = rng.uniform(low, high, (10, 2))
        gaps = np.linalg.norm(draws[:, None] - np.array(places), axis=-1).min(axis=1)
        places.append(draws[gaps.argmax()])
    return np.array(places)


def _wander(config: ShapesConfig, anchors: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    count = len(anchors)
    reach = rng.uniform(0.05, 0.12 + 0.1 * config.difficulty, (count, 2, 1)) * config.height
    frequencies = rng.uniform(0.01, 0.03, (count, 2)) * (1 + config.difficulty)
    return (anchors[..., None] + reach * _wave(frequencies, frames, rng)).transpose(0, 2, 1)


def _ease(progress: np.ndarray) -> np.ndarray:
    """Smooth step: 0 before progress 0, 1 after progress 1."""
    x = np.clip(progress, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def _plot(config: ShapesConfig, count: int, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Entries, exits and gaps: how far each object is out of the picture (0 to 1), and whether it is shown. (N, T)."""
    away, shown = np.zeros((count, frames)), np.ones((count, frames), dtype=bool)
    if frames < SHORTEST_PLOT:
        return away, shown
    for number in range(count):
        if number > 0:
            _enter_or_exit(away[number], shown[number], rng)
        if rng.random() < 0.1 + 0.3 * config.difficulty:
            _leave_and_return(away[number], shown[number], rng)
    return away, shown


def _enter_or_exit(away: np.ndarray, shown: np.ndarray, rng: np.random.Generator) -> None:
    """In place: 4 in 10 objects come late, 3 in 20 leave early; half of them slide, half appear or vanish."""
    fate, frames = rng.random(), len(away)
    when = round(rng.uniform(0.2, 0.5) * frames)
    slides = rng.random() < 0.5
    if fate >= 0.55:
        return
    view = slice(None) if fate < 0.4 else slice(None, None, -1)  # leaving is entering with time reversed
    shown[view][:when] = False
    if slides:
        away[view] = 1 - _ease((np.arange(frames) - when) / RAMP_FRAMES)


def _leave_and_return(away: np.ndarray, shown: np.ndarray, rng: np.random.Generator) -> None:
    """In place: a gap of at least two frames, out of the picture or hidden on the spot."""
    frames = len(away)
    start = int(rng.integers(frames // 4, frames // 2 + 1))
    stop = start + int(rng.integers(2, max(3, frames // 5) + 1))
    if rng.random() < 0.5:
        shown[start:stop] = False
        return
    time = np.arange(frames)
    out = _ease((time - start + RAMP_FRAMES) / RAMP_FRAMES) - _ease((time - stop + 1) / RAMP_FRAMES)
    np.maximum(away, out, out=away)


def _slide_out(centres: np.ndarray, radii: np.ndarray, away: np.ndarray, width: int) -> np.ndarray:
    """Move objects towards a place just beyond the nearer side of the picture."""
    left = centres[:, :, 1].mean(axis=1, keepdims=True) < width / 2
    outside = np.where(left, -radii - 2, width + radii + 2)
    columns = centres[:, :, 1] + away * (outside - centres[:, :, 1])
    return np.stack([centres[:, :, 0], columns], axis=-1)


def _meetings(
    config: ShapesConfig, labels: np.ndarray, on_stage: np.ndarray, rng: np.random.Generator
) -> tuple[Meeting, ...]:
    """About 3 attempts in 12 frames at difficulty 1, none at 0; half prefer a pair of one class."""
    count, frames = on_stage.shape
    if count < 2 or frames < SHORTEST_PLOT:
        return ()
    found = []
    for _ in range(rng.poisson(3 * config.difficulty * frames / 12)):
        duration = min(int(rng.integers(6, 11)), frames)
        start = int(rng.integers(0, frames - duration + 1))
        pair = _pair(labels, rng)
        swap = bool(rng.random() < 0.6)
        if on_stage[list(pair), start : start + duration].all():
            found.append(Meeting(pair, start, start + duration - 1, swap))
    return tuple(sorted(found, key=lambda meeting: meeting.start))


def _pair(labels: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    pairs = [(a, b) for a in range(len(labels)) for b in range(a)]
    alike = [(a, b) for a, b in pairs if labels[a] == labels[b]]
    choice = alike if alike and rng.random() < 0.5 else pairs
    return choice[int(rng.integers(len(choice)))]


def _meet(centres: np.ndarray, meeting: Meeting) -> np.ndarray:
    """Until the two coincide, nothing in the motion tells a swap from a return: only the looks do."""
    progress = (np.arange(centres.shape[1]) - meeting.start) / (meeting.stop - meeting.start)
    weight = _ease(progress)
    if not meeting.swap:
        weight = np.minimum(weight, 1 - weight)
    one, two = meeting.pair
    moved = centres.copy()
    moved[one] += weight[:, None] * (centres[two] - centres[one])
    moved[two] += weight[:, None] * (centres[one] - centres[two])
    return moved


def _light(difficulty: float, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Slow drift of brightness, and a smaller one of tint; dimming only, so that no colour is clipped away."""
    dimming = (0.1 + 0.4 * difficulty) * (0.5 + 0.5 * _wave(rng.uniform(0.01, 0.04, 1), frames, rng))
    tint = 0.1 * difficulty * _wave(rng.uniform(0.01, 0.04, 3), frames, rng)
    return (1 - dimming + tint).T
