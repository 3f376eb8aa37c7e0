"""What published weights are: a backbone, a model trained on images, or a finished video model."""

from __future__ import annotations

from collections.abc import Collection

from vita.core.contract import UserError
from vita.core.run_config import Holds

WORDS: dict[Holds, str] = {
    "backbone": "a backbone alone",
    "image": "an image model",
    "video": "a finished video model",
}
# Image and video model of a method have the same tensors; the number of classes says on what one was trained.
TRAINED_ON: dict[int, tuple[str, Holds]] = {80: ("COCO", "image"), 40: ("YouTube-VIS", "video"), 25: ("OVIS", "video")}


def told_holds(
    absent: Collection[str], classes: int | None, said: Holds | None, wanted_classes: int | None, where: str
) -> Holds:
    """What a file with more than a backbone holds.

    absent: parts of the method that it lacks; without them it is no finished video model. classes: of its class
    heads. said: what it is said to hold. wanted_classes: as given. Raises UserError when the file says otherwise.
    """
    data, told = TRAINED_ON.get(classes or 0, ("", None))
    if said is None:
        return "image" if absent else told or "video"
    if said == "backbone":
        raise UserError(f"{where}: holds more than a backbone: {WORDS['image' if absent else told or 'video']}")
    if said == "video" and absent:
        raise UserError(f"{where}: holds an image model (no {', '.join(absent)}), not {WORDS['video']}")
    if told not in (None, said) and not (said == "video" and wanted_classes == classes):
        raise UserError(
            f"{where}: its class heads are of {classes} classes, those of {data}: {WORDS[told or said]}, "
            f"not {WORDS[said]}"
        )
    return said
