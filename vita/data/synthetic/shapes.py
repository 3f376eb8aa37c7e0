"""Painting of procedural scenes: textured objects over a background, with the exact visible mask of each.

Legend: N objects, T frames, H W pixels. A class is told by its outline and its texture, an object by its hue.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vita.core.contract import UserError
from vita.core.dataset_config import ShapesConfig
from vita.data.synthetic.scenes import Scene, draw_scene

Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]
FEWEST_PIXELS = 4  # of a mask in a frame; fewer count as not visible
CLEAR_PIXELS = 12  # an object shows at least so many pixels in two frames
DRAWS = 50


@dataclass(frozen=True)
class Kind:
    """A class of objects. Both functions take coordinates of the object's own axes, in units of its radius.

    outline: about the distance to the contour, negative inside.  texture: in [0, 1], dark to light.
    """

    name: str
    outline: Pattern
    texture: Pattern


def _core(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.clip(6 * (np.hypot(u, v) - 0.4), 0, 1)


def _stripes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 2 * np.sin(6 * u), 0, 1)


def _plain(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.ones_like(u)


def _dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.clip(2 * (np.cos(9 * u) + np.cos(9 * v)), 0, 1)


def _spokes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 3 * np.sin(5 * np.arctan2(v, u)), 0, 1)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(a - 0.95, b - 0.36), np.maximum(a - 0.36, b - 0.95))


KINDS = (
    Kind("disc", lambda u, v: np.hypot(u, v) - 0.9, _core),
    Kind("square", lambda u, v: np.maximum(np.abs(u), np.abs(v)) - 0.78, _stripes),
    Kind("triangle", lambda u, v: np.maximum(0.866 * np.abs(u) + 0.5 * v, -v) - 0.55, _plain),
    Kind("cross", _cross, _dots),
    Kind("ring", lambda u, v: np.abs(np.hypot(u, v) - 0.65) - 0.3, _spokes),
)


@dataclass(frozen=True)
class Domain:
    """What an image domain looks like, classes and motion apart. Colours are HSV saturations and values."""

    light: tuple[float, float]
    dark: tuple[float, float]
    backdrop: Callable[[int, int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class PaintedVideo:
    """frames: (T, H, W, 3) uint8, RGB.  masks: (N, T, H, W) bool, visible pixels.  scene: as it was painted."""

    frames: np.ndarray
    masks: np.ndarray
    scene: Scene


def _smooth_noise(rows: int, columns: int, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform noise in about [0, 1] on a coarse grid, interpolated to (H, W, 3)."""
    grid = rng.random((rows, columns, 3), dtype=np.float32)
    planes = [Image.fromarray(grid[..., c]).resize((width, height), Image.Resampling.BICUBIC) for c in range(3)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _studio(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Soft clouds of muted colours."""
    noise = _smooth_noise(4, 6, height, width, rng)
    grey = noise.mean(axis=-1, keepdims=True)
    return 50 + 110 * (0.5 * grey + 0.5 * noise)


def _outdoor(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Pale sky over rough ground."""
    sky, ground = rng.uniform((150, 170, 190), (190, 205, 230)), rng.uniform((60, 70, 30), (120, 110, 60))
    horizon = rng.uniform(0.25, 0.6) * height
    blend = np.clip((np.arange(height) - horizon) / (0.08 * height) + 0.5, 0, 1)[:, None, None]
    rough = sum(_smooth_noise(n, 2 * n, height, width, rng).mean(-1, keepdims=True) - 0.5 for n in (4, 12, 24))
    return sky + blend * (ground - sky) + (15 + 40 * blend) * rough


DOMAINS = {
    "studio": Domain(light=(0.75, 0.95), dark=(0.95, 0.42), backdrop=_studio),
    "outdoor": Domain(light=(0.5, 0.85), dark=(0.7, 0.4), backdrop=_outdoor),
}


def paint_video(config: ShapesConfig, frames: int, rng: np.random.Generator) -> PaintedVideo:
    """A video in which every object is clearly seen in at least two frames (one, if there is only one).

    Raises UserError when the frames are too small for so many objects.
    """
    for _ in range(DRAWS):
        video = _paint(config, draw_scene(config, frames, rng), rng)
        clear = (video.masks.sum(axis=(2, 3)) >= CLEAR_PIXELS).sum(axis=1)
        if (clear >= min(2, frames)).all():
            return video
    raise UserError(
        f"shapes: found no scene that shows all of up to {config.max_objects} objects in frames of "
        f"{config.height} x {config.width} pixels; enlarge `height` and `width` or lower `max_objects`"
    )


def _paint(config: ShapesConfig, scene: Scene, rng: np.random.Generator) -> PaintedVideo:
    domain, frames = DOMAINS[config.domain], scene.centres.shape[1]
    backdrop = domain.backdrop(config.height, config.width, rng).astype(np.float32)
    pictures = np.empty((frames, config.height, config.width, 3), np.uint8)
    masks = np.empty((len(scene.labels), frames, config.height, config.width), bool)
    for t in range(frames):
        picture, owner = _paint_objects(backdrop, scene, domain, t)
        noise = rng.standard_normal(picture.shape, dtype=np.float32) * (2 + 6 * config.difficulty)
        pictures[t] = np.clip(picture * scene.light[t].astype(np.float32) + noise, 0, 255)
        masks[:, t] = owner == np.arange(len(scene.labels))[:, None, None]
    masks[masks.sum(axis=(2, 3)) < FEWEST_PIXELS] = False
    return PaintedVideo(pictures, masks, scene)


def _paint_objects(backdrop: np.ndarray, scene: Scene, domain: Domain, t: int) -> tuple[np.ndarray, np.ndarray]:
    """The frame before light and noise, (H, W, 3), and the number of the object seen at each pixel or -1, (H, W)."""
    picture, owner = backdrop.copy(), np.full(backdrop.shape[:2], -1)
    for number in np.flatnonzero(scene.shown[:, t]):
        centre, radius = scene.centres[number, t], scene.radii[number, t]
        window = _window(centre, radius, owner.shape)
        u, v = _own_axes(window, centre, radius, scene.angles[number, t])
        kind = KINDS[scene.labels[number]]
        cover = np.clip(0.5 - kind.outline(u, v) * radius, 0, 1)
        colour = _colour(scene.hues[number], kind.texture(u, v), domain)
        picture[window] += cover[..., None] * (colour - picture[window])
        owner[window][cover > 0.5] = number
    return picture, owner


def _window(centre: np.ndarray, radius: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels that an object can touch; empty when it is out of the picture."""
    low = np.clip(np.floor(centre - 1.2 * radius - 1), 0, shape).astype(int)
    high = np.clip(np.ceil(centre + 1.2 * radius + 2), 0, shape).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _own_axes(
    window: tuple[slice, slice], centre: np.ndarray, radius: float, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    rows = (np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - centre[0]) / radius
    columns = (np.arange(window[1].start, window[1].stop, dtype=np.float32)[None] - centre[1]) / radius
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * columns + sin * rows, cos * rows - sin * columns


def _colour(hue: float, texture: np.ndarray, domain: Domain) -> np.ndarray:
    light, dark = (255 * np.array(colorsys.hsv_to_rgb(hue, *tone)) for tone in (domain.light, domain.dark))
    return dark + texture[..., None] * (light - dark)
