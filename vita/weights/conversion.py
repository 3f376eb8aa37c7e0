"""A whole checkpoint from an official implementation to ours or back: its sizes, its classes, what it leaves out.

A checkpoint may lack whole parts of a method (an image detector has no video parts): they are named, and start fresh
where training starts from the converted file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vita.contract import MethodDefinition, OfficialCounterpart, UserError
from vita.weights.state import Shape, check_fit, official_names_of, official_shapes, our_names_of, shapes_of

UNUSUAL = 9_973  # classes: a number that no other size of a model is
HEAD, INSIDE = "sem_seg_head.", ("predictor.", "pixel_decoder.")


@dataclass(frozen=True)
class Converted:
    """Weights under their new names, and what there is to say of them."""

    state: dict[str, Tensor]
    options: Mapping[str, Any]  # of the method: as given, or as the file's shapes say
    num_classes: int
    fresh: list[str]  # tensors of ours that start anew: class heads, and counts that have no official counterpart
    absent: list[str]  # whole parts of ours that the file does not hold

    @property
    def numbers(self) -> int:
        """Numbers in all tensors."""
        return sum(tensor.numel() for tensor in self.state.values())


def to_ours(
    state: Mapping[str, Tensor],
    definition: MethodDefinition,
    options: Mapping[str, Any] | None,
    where: str,
    num_classes: int | None = None,
    new_heads: int | None = None,
) -> Converted:
    """An official state dict as a weights file of ours.

    options: of the method; None for those that the shapes tell, the others as released. num_classes: None for the
    file's own. new_heads: the seed from which class heads start anew; None keeps the file's.
    Raises UserError listing what does not fit; `where` opens its message.
    """
    official, state = _counterpart(definition, where), current_names(state)
    options = official.options({}, shapes_of(state)) if options is None else options
    heads = class_heads(definition, options, where)
    head_keys = {source.key for name in heads if (source := official.source(name)) is not None}
    classes = _choose_classes(shapes_of(state), head_keys, num_classes, new_heads is not None, where)
    model = on_meta(definition, options, classes, where)
    names = {name: source.key for name in model.state_dict() if (source := official.source(name)) is not None}
    absent = _absent_parts({name for name, key in names.items() if key in state}, model)
    left_out = {*official.constants(model), *(head_keys if new_heads is not None else ())}
    left_out |= {key for name, key in names.items() if _part(name) in absent}
    wanted = official_shapes(shapes_of(model.state_dict()), official)
    check_fit(_without(shapes_of(state), left_out), _without(wanted, left_out), where)
    ours = our_names_of(_without(state, left_out), names, official)
    fresh = [name for name in model.state_dict() if name not in ours and _part(name) not in absent]
    if fresh:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(new_heads or 0)
            built = definition.build(options, classes).state_dict()
        ours |= {name: built[name] for name in fresh}
    typed = {name: ours[name].to(tensor.dtype) for name, tensor in model.state_dict().items() if name in ours}
    return Converted(typed, options, classes, fresh, absent)


def to_theirs(
    state: Mapping[str, Tensor], definition: MethodDefinition, options: Mapping[str, Any] | None, where: str
) -> Converted:
    """A weights file of ours as an official state dict; options as in `to_ours`.

    Raises UserError listing what does not fit; `where` opens its message.
    """
    official, shapes = _counterpart(definition, where), shapes_of(state)
    options = official.options({}, official_shapes(shapes, official)) if options is None else options
    classes = _choose_classes(shapes, class_heads(definition, options, where), None, False, where)
    model = on_meta(definition, options, classes, where)
    absent = _absent_parts(state, model)
    wanted = {name: shape for name, shape in shapes_of(model.state_dict()).items() if _part(name) not in absent}
    check_fit(shapes, wanted, where)
    theirs = official_names_of(state, official)
    modules = {_part(key) for key in theirs}
    # Without all parts it is another model, an image detector say: losses' class weights are not of its weights.
    fixed = {key: tensor for key, tensor in official.constants(model).items() if not absent or _part(key) in modules}
    return Converted({**theirs, **fixed}, options, classes, [], absent)


def current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keys that older versions of the official code wrote, as newer ones read them.

    Theirs called the queries' content `static_query`, and had no level for the pixel decoder inside the head.
    """
    return {_current_name(key): tensor for key, tensor in state.items()}


def _current_name(key: str) -> str:
    if not key.startswith(HEAD):
        return key
    inside = key.removeprefix(HEAD).replace("static_query", "query_feat")
    return f"{HEAD}{inside}" if inside.startswith(INSIDE) else f"{HEAD}pixel_decoder.{inside}"


def on_meta(definition: MethodDefinition, options: Mapping[str, Any], classes: int, where: str) -> nn.Module:
    """The method without memory for its weights. Raises UserError when the options are impossible."""
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):  # initialisation draws there too
            return definition.build(options, classes)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def class_heads(definition: MethodDefinition, options: Mapping[str, Any], where: str) -> list[str]:
    """Our names of the tensors whose first dimension is the number of classes and one, for "no object"."""
    model = on_meta(definition, options, UNUSUAL, where)
    return [name for name, shape in shapes_of(model.state_dict()).items() if shape[:1] == (UNUSUAL + 1,)]


def _choose_classes(
    shapes: Mapping[str, Shape], heads: Iterable[str], wanted: int | None, renewed: bool, where: str
) -> int:
    """The number of classes."""
    held = {shapes[key][0] - 1 for key in heads if shapes.get(key)}
    if len(held) > 1 and (wanted is None or not renewed):
        raise UserError(f"{where}: its class heads are of {' and '.join(map(str, sorted(held)))} classes")
    if wanted is not None and held and held != {wanted} and not renewed:
        raise UserError(
            f"{where}: its class heads are of {held.pop()} classes, not {wanted}; start them anew with --new-heads"
        )
    return wanted or next(iter(held), 1)  # a file without any class head is of no method: what is unknown is listed


def _counterpart(definition: MethodDefinition, where: str) -> OfficialCounterpart:
    if definition.official is None:
        raise UserError(f"{where}: this method has no official implementation to convert from or to")
    return definition.official


def _part(name: str) -> str:
    return name.partition(".")[0]


def _absent_parts(names: Collection[str], model: nn.Module) -> list[str]:
    return sorted({_part(name) for name in model.state_dict()} - {_part(name) for name in names})


def _without(entries: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key not in left_out}
