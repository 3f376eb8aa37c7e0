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

from vita.core.contract import MethodDefinition, UserError
from vita.core.plugins import find_method
from vita.official.checkpoints.state_dict import (
    Shape,
    check_fit,
    official_names_of,
    official_shapes,
    our_names_of,
    shapes_of,
)
from vita.official.contract import ReferenceAdapter
from vita.official.plugins import find_official

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


def to_ours(
    state: Mapping[str, Tensor],
    method: str,
    options: Mapping[str, Any] | None,
    where: str,
    num_classes: int | None = None,
    new_heads: int | None = None,
) -> Converted:
    """An official state dict as a weights file of ours.

    method: its name. options: of the method; None for those that the shapes tell, the others as released.
    num_classes: None for the file's own. new_heads: the seed from which class heads start anew; None keeps the file's.
    Raises UserError listing what does not fit; `where` opens its message.
    """
    definition, official, state = find_method(method), find_official(method, where), current_names(state)
    options = official_options(official, shapes_of(state), where) if options is None else options
    heads = class_heads(definition, options, where)
    shapes = shapes_of(our_names_of(state, heads, official))
    classes = _choose_classes(shapes, heads, num_classes, new_heads is not None, where)
    model = on_meta(definition, options, classes, where)
    held = [name for name in model.state_dict() if (source := official.source(name)) and source.key in state]
    absent = _absent_parts(held, model)
    renewed = [] if new_heads is None else heads
    ours = _renamed(state, model, official, [*renewed, *_names_in(absent, model)], where)
    fresh = [name for name in model.state_dict() if name not in ours and _part(name) not in absent]
    ours |= _fresh(definition, options, classes, new_heads or 0, fresh)
    typed = {name: ours[name].to(tensor.dtype) for name, tensor in model.state_dict().items() if name in ours}
    return Converted(typed, options, classes, fresh, absent)


def to_theirs(state: Mapping[str, Tensor], method: str, options: Mapping[str, Any] | None, where: str) -> Converted:
    """A weights file of ours as an official state dict; method and options as in `to_ours`.

    Raises UserError listing what does not fit; `where` opens its message.
    """
    definition, official, state = find_method(method), find_official(method, where), _without_counts(state)
    shapes = shapes_of(state)
    options = official_options(official, official_shapes(shapes, official), where) if options is None else options
    classes = _choose_classes(shapes, class_heads(definition, options, where), None, False, where)
    model = on_meta(definition, options, classes, where)
    absent = _absent_parts(state, model)
    wanted = _without_counts(model.state_dict())
    check_fit(shapes, shapes_of(without(wanted, _names_in(absent, model))), where)
    theirs = official_names_of({name: state[name] for name in wanted if name in state}, official)
    modules = {_part(key) for key in theirs}
    # Without all parts it is another model, an image detector say: losses' class weights are not of its weights.
    fixed = {key: tensor for key, tensor in official.constants(model).items() if not absent or _part(key) in modules}
    return Converted({**theirs, **fixed}, options, classes, [], absent)


def _renamed(
    state: Mapping[str, Tensor], model: nn.Module, official: ReferenceAdapter, missing: Collection[str], where: str
) -> dict[str, Tensor]:
    """By our names, all but `missing`. Raises UserError listing what does not fit; constants are not looked at."""
    wanted = official_shapes(shapes_of(model.state_dict()), official)
    left_out = {*official.constants(model), *official_shapes({name: (1,) for name in missing}, official)}
    kept = without(state, left_out)
    check_fit(shapes_of(kept), without(wanted, left_out), where)
    return our_names_of(kept, model.state_dict(), official)


def _fresh(
    definition: MethodDefinition, options: Mapping[str, Any], classes: int, seed: int, names: list[str]
) -> dict[str, Tensor]:
    """Initial values of the named tensors; the caller's random numbers are left as they were."""
    if not names:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = definition.build(options, classes).state_dict()
    return {name: state[name] for name in names}


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


def official_options(official: ReferenceAdapter, shapes: Mapping[str, Shape], where: str) -> dict[str, Any]:
    """A method's options from official shapes. Raises UserError where they contradict each other."""
    try:
        return official.options({}, shapes)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


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


def held_classes(shapes: Mapping[str, Shape], heads: Iterable[str]) -> set[int]:
    """Of how many classes the class heads are that the shapes hold; names are ours."""
    return {shapes[name][0] - 1 for name in heads if shapes.get(name)}


def _choose_classes(
    shapes: Mapping[str, Shape], heads: Iterable[str], wanted: int | None, renewed: bool, where: str
) -> int:
    """The number of classes."""
    held = held_classes(shapes, heads)
    if len(held) > 1 and (wanted is None or not renewed):
        raise UserError(f"{where}: its class heads are of {' and '.join(map(str, sorted(held)))} classes")
    if wanted is not None and held and held != {wanted} and not renewed:
        raise UserError(
            f"{where}: its class heads are of {held.pop()} classes, not {wanted}; start them anew with --new-heads"
        )
    return wanted or next(iter(held), 1)  # a file without any class head is of no method: what is unknown is listed


def _part(name: str) -> str:
    return name.partition(".")[0]


def _absent_parts(names: Collection[str], model: nn.Module) -> list[str]:
    return sorted({_part(name) for name in model.state_dict()} - {_part(name) for name in names})


def _names_in(parts: Collection[str], model: nn.Module) -> list[str]:
    return [name for name in model.state_dict() if _part(name) in parts]


def _without_counts(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the counts of batches that trained batch norms keep, which official ones, being frozen, do not."""
    return {name: tensor for name, tensor in state.items() if not name.endswith(".num_batches_tracked")}


def without(entries: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """The entries whose keys are not among `left_out`."""
    return {key: value for key, value in entries.items() if key not in left_out}
