"""Published weights of every layout that is known, as weights of ours: what the file holds tells which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.official.checkpoints.conversion import to_ours
from vita.official.checkpoints.files import read_official
from vita.official.checkpoints.transformers_folder import read_transformers

Holds = Literal["backbone", "image", "video"]


@dataclass(frozen=True)
class PublishedWeights:
    """Weights of a published file under our names, and what there is to say of them."""

    state: dict[str, Tensor]  # by our names and in our shapes; of "backbone", the backbone's tensors alone
    holds: Holds  # what the file was found to hold
    layout: str  # in plain words, such as "detectron2 ImageNet ResNet-50 (torchvision's weights)"
    options: Mapping[str, Any]  # of the method: as given, or as the file's shapes say
    num_classes: int | None  # of the class heads in `state`; None when there are none
    left_out: list[str]  # names in the file that are of no use here: classifiers, index tables
    fresh: list[str]  # tensors or whole parts of ours that the file does not hold and that start anew


def read_published(
    source: Path,
    method: str,
    options: Mapping[str, Any] | None,
    *,
    holds: Holds | None = None,
    num_classes: int | None = None,
    new_heads: int | None = None,
    pick: str | None = None,
) -> PublishedWeights:
    """A published weights file, or a folder that transformers saved, as weights of a method of ours.

    method: its name. options: of the method; None for those that the shapes tell, the others as released.
    holds: what the file is said to hold; None for what is found. num_classes: None for the file's own.
    new_heads: the seed from which class heads start anew; None keeps the file's. pick: the name of one of several
    weights in the file. Raises UserError, in one line, when the file is missing, damaged, of something else, or of
    another model than the options say.
    """
    find_method(method)  # its name may be wrong, and reading takes long
    if holds == "backbone" or pick is not None:
        raise UserError(f"{source}: backbones alone and a choice between several weights are not read yet")
    state = read_transformers(source) if source.is_dir() else read_official(source)
    converted = to_ours(state, method, options, str(source), num_classes, new_heads)
    left_out: list[str] = []
    fresh = [*converted.fresh, *converted.absent]
    found: Holds = "image" if converted.absent else "video"
    return PublishedWeights(
        converted.state, found, "official checkpoint", converted.options, converted.num_classes, left_out, fresh
    )
