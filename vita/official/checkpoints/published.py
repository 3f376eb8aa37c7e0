"""Published weights of every layout that is known, as weights of ours: what the file holds tells which one it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.run_config import Holds
from vita.engine.checkpoint import check_finite
from vita.official.checkpoints.backbone import BackboneFile, read_backbone
from vita.official.checkpoints.backbone_conversion import COUNT, backbone_to_ours, check_backbone, network_of
from vita.official.checkpoints.conversion import (
    Converted,
    class_heads,
    current_names,
    held_classes,
    on_meta,
    to_ours,
    without,
)
from vita.official.checkpoints.files import read_content
from vita.official.checkpoints.input_scale import refuse_raw_pixels
from vita.official.checkpoints.state_dict import on_own_memory, our_names_of, shapes_of
from vita.official.checkpoints.transformers_folder import (
    BACKBONES,
    kind_of,
    read_transformers,
    read_transformers_backbone,
)
from vita.official.checkpoints.wrappers import author_of, weights_in
from vita.official.plugins import find_official

WORDS: dict[Holds, str] = {
    "backbone": "a backbone alone",
    "image": "an image model",
    "video": "a finished video model",
}
# Image and video model of a method have the same tensors; the number of classes says on what one was trained.
TRAINED_ON: dict[int, tuple[str, Holds]] = {80: ("COCO", "image"), 40: ("YouTube-VIS", "video"), 25: ("OVIS", "video")}


@dataclass(frozen=True)
class PublishedWeights:
    """Weights of a published file under our names, and what there is to say of them."""

    state: dict[str, Tensor]  # by our names and in our shapes; of "backbone", the backbone's tensors alone
    holds: Holds  # what the file was found to hold
    layout: str  # in plain words, such as "detectron2 ImageNet ResNet-50 (author: torchvision)"
    options: Mapping[str, Any]  # of the method: as given, or as the file's shapes say
    num_classes: int | None  # of the class heads in `state`; None when there are none
    left_out: list[str]  # names in the file that are of no use here: classifiers, index tables
    fresh: list[str]  # tensors or whole parts of ours that the file does not hold and that start anew
    tensors: int  # in the file


@dataclass(frozen=True)
class Request:
    """What is asked of a file.

    method: its name. options: of the method; None for those that the shapes tell, the others as released.
    holds: what the file is said to hold; None for what is found. num_classes: None for the file's own.
    new_heads: the seed from which class heads start anew; None keeps the file's. pick: the name of one of several
    weights in the file.
    """

    method: str
    options: Mapping[str, Any] | None = None
    holds: Holds | None = None
    num_classes: int | None = None
    new_heads: int | None = None
    pick: str | None = None


def read_published(source: Path, request: Request) -> PublishedWeights:
    """A published weights file, or a folder that transformers saved, as weights of a method of ours.

    Raises UserError, in one line, when the file is missing, damaged, of something else, or of another model than the
    options say.
    """
    find_method(request.method)  # its name may be wrong, and reading takes long
    if source.is_dir():
        return _read_folder(source, request)
    content, where = read_content(source), str(source)
    state, author = weights_in(content, where, request.pick), author_of(content)
    backbone = read_backbone(state, author)
    if backbone is None:
        return _whole(state, author, "released checkpoint", request, where)
    return _backbone(backbone, request, where)


def _read_folder(folder: Path, request: Request) -> PublishedWeights:
    if request.pick is not None:
        raise UserError(f"{folder}: a folder that transformers saved holds one model; leave --pick out")
    if kind_of(folder) in BACKBONES:
        return _backbone(read_transformers_backbone(folder), request, str(folder))
    state, left_out = read_transformers(folder)
    read = _whole(state, None, "transformers checkpoint", request, str(folder))
    return replace(read, left_out=[*read.left_out, *left_out], tensors=len(state) + len(left_out))


def _backbone(file: BackboneFile, request: Request, where: str) -> PublishedWeights:
    network = str(network_of(shapes_of(file.state), where))
    layout = f"{file.program} {network}{f' (author: {file.author})' if file.author else ''}"
    if request.holds not in (None, "backbone"):
        raise UserError(
            f"{where}: holds a backbone alone, {layout}, not {WORDS[request.holds]}; name the file of one, or say that "
            "it holds a backbone"
        )
    refuse_raw_pixels(file.state, file.author, network, where)
    check_finite(file.state, where)
    converted = backbone_to_ours(file.state, request.method, request.options, where)
    return PublishedWeights(
        on_own_memory(converted.state),
        "backbone",
        layout,
        converted.options,
        None,
        file.left_out,
        [*converted.fresh, *converted.absent],
        len(file.state) + len(file.left_out),
    )


def _whole(
    state: Mapping[str, Tensor], author: str | None, program: str, request: Request, where: str
) -> PublishedWeights:
    method = request.method
    kept = {key: tensor for key, tensor in current_names(state).items() if not key.endswith(COUNT)}
    network = check_backbone(kept, method, request.options, author, where)
    converted = to_ours(kept, method, request.options, where, request.num_classes, request.new_heads)
    if network is None and request.holds is not None:
        raise UserError(f"{where}: holds no backbone, and so not {WORDS[request.holds]}")
    official, definition = find_official(method, where), find_method(method)
    constants = official.constants(on_meta(definition, converted.options, converted.num_classes, where))
    check_finite(without(kept, constants), where)
    heads = class_heads(definition, converted.options, where)
    own = next(iter(held_classes(shapes_of(our_names_of(kept, heads, official)), heads)), None)
    return PublishedWeights(
        on_own_memory(converted.state),
        told_holds(converted.absent, own, request.holds, request.num_classes, where),
        f"{program} of {_whose(method, converted)}{f', backbone {network}' if network else ''}",
        converted.options,
        next(iter(held_classes(shapes_of(converted.state), heads)), None),
        [key for key in state if key.endswith(COUNT) or key in constants],
        [*converted.fresh, *converted.absent],
        len(state),
    )


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


def _whose(method: str, converted: Converted) -> str:
    """The method, or those of its parts that are there where others are not."""
    parts = sorted({name.partition(".")[0] for name in converted.state})
    return f"{method} ({', '.join(parts)} alone)" if converted.absent else method
