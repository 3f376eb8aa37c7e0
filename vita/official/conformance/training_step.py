"""One recorded training step replayed: targets, costs, matches, points, every loss term and the gradients.

Legend: D decoder layers, B clips, R matched masks of a layer, P points, h w pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from vita.blocks.losses.matching import Match, Target, matched_pairs, matching_costs
from vita.blocks.losses.point_sampling import Owners, uncertain_points
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion, SetLoss, matched_logits
from vita.core.contract import Clip, Losses, UserError
from vita.official.checkpoints.state_dict import official_names_of
from vita.official.conformance.check import (
    GRADIENT,
    LOSS,
    MASK_LOGITS,
    TIGHT,
    VALUES,
    Pair,
    Tolerance,
    compare,
    compare_numbers,
    compare_points,
    compare_relative,
    failed,
)
from vita.official.conformance.recording import Tensors
from vita.official.contract import Check, ReferenceAdapter


@dataclass(frozen=True)
class Level:
    """One criterion of a method, and what the recording calls it."""

    name: str  # in the groups that are reported
    attribute: str  # where the method keeps its `SetCriterion`
    matcher: str
    criterion: str
    losses: str  # entry of the facts
    prefix: str  # of a loss's name


@dataclass(frozen=True)
class Limits:
    """How close the parts of a step have to come. costs: with BCE; scores: without."""

    costs: Tolerance = MASK_LOGITS
    scores: Tolerance = VALUES
    losses: Tolerance = LOSS


SINGLE = Limits()  # for steps in 32 bits
DOUBLE = Limits(Tolerance(1e-9, 1e-9), Tolerance(1e-9, 1e-9), TIGHT)  # in 64; costs may cancel to nothing


class RecordedDraws:
    """Random numbers of one recorded step in the order in which we ask for them.

    The official code treats layer after layer, the last one first; ours treats all layers at once, the last one last.
    """

    def __init__(self, tensors: Tensors, facts: Mapping[str, Any], levels: Sequence[Level]) -> None:
        calls = tensors.numbered("rand") or [draw.to(tensors.device) for draw in drawn_again(facts)]
        owners = [call["owner"] for call in facts["rand_calls"]]
        runs = [(owner, [calls[i] for i in run]) for owner, run in groupby(range(len(calls)), key=owners.__getitem__)]
        waiting: list[tuple[str, Tensor]] = []
        for level in levels:
            matching = last_to_end([torch.cat(run) for owner, run in runs if owner == level.matcher])
            points = last_to_end([run for owner, run in runs if owner == level.criterion])
            waiting.append(("matching", torch.stack(matching)))
            waiting += [(purpose, torch.cat([run[i] for run in points])) for i, purpose in enumerate(POINT_PURPOSES)]
        self.waiting = [(purpose, draw) for purpose, draw in waiting if draw.numel()]  # nothing matched, no points

    def __call__(self, purpose: str, *shape: int, owners: Owners) -> Tensor:
        """See `Draws`. Raises UserError when the recording drew something else here."""
        recorded, draw = self.waiting.pop(0) if self.waiting else ("nothing", torch.zeros(0))
        if (purpose, shape) != (recorded, tuple(draw.shape)):
            raise UserError(
                f"recorded draws: {recorded} {tuple(draw.shape)} was recorded where {purpose} {shape} is asked for"
            )
        return draw


POINT_PURPOSES = ("candidates", "rest")


def drawn_again(facts: Mapping[str, Any]) -> list[Tensor]:
    """Draws that are not stored, but follow from the seed of a run's first step; none where there is no seed."""
    if "rand_seed" not in facts:
        return []
    random = torch.Generator().manual_seed(facts["rand_seed"])
    return [torch.rand(call["shape"], generator=random, dtype=torch.float32) for call in facts["rand_calls"]]


def last_to_end(layers: list[Any]) -> list[Any]:
    """The official order of layers, last one first, brought into ours."""
    return [*layers[1:], layers[0]] if layers else []


def last_first(*layers: list[Any]) -> list[tuple[Any, ...]]:
    """Our order of layers brought into the official one, for several lists side by side."""
    return list(zip(*([one[-1], *one[:-1]] for one in layers), strict=True))


@dataclass
class Listening:
    """A criterion whose losses, costs, matches and points can be looked at afterwards."""

    criterion: SetCriterion

    def __call__(
        self,
        class_logits: Tensor,
        mask_logits: Tensor,
        targets: list[Target],
        whole: ObjectCounts,
        draws: RecordedDraws,
    ) -> tuple[SetLoss, list[list[Match]]]:
        """As the criterion."""
        waiting = iter(list(draws.waiting))
        constants = self.criterion
        self.costs = matching_costs(
            class_logits, mask_logits, targets, constants.weights, constants.points, lambda *_, **__: next(waiting)[1]
        )
        self.loss, self.matches = constants(class_logits, mask_logits, targets, whole, draws)
        pairs = matched_pairs(self.matches, targets, mask_logits.device)
        masks = matched_logits(mask_logits.detach(), pairs)
        self.points = torch.zeros(0)
        if len(masks):
            self.points = uncertain_points(
                masks, constants.points, constants.oversample, constants.importance, lambda *_: next(waiting)[1]
            ).unflatten(0, (len(mask_logits), -1))
        return self.loss, self.matches


@dataclass(frozen=True)
class Step:
    """One replayed step: what each criterion did, and the objective."""

    losses: Losses
    levels: list[tuple[Level, Listening]]


def target_pairs(clips: Sequence[Clip], targets: Sequence[Target], tensors: Tensors) -> list[Pair]:
    """Prepared targets of clips beside those that were recorded."""
    pairs: list[Pair] = []
    for number, (clip, target) in enumerate(zip(clips, targets, strict=True)):
        ours = {"labels": target.labels, "ids": clip.ids, "masks": target.masks, "match_masks": target.masks}
        pairs += tensors.pairs(ours, f"target.clip{number}.")
    return pairs


@contextmanager
def in_their_place(model: nn.Module, parts: Mapping[str, Any]) -> Iterator[None]:
    """Other parts in the place of the model's own, by attribute, for as long as the context lasts."""
    kept = {attribute: getattr(model, attribute) for attribute in parts}
    try:
        for attribute, part in parts.items():
            setattr(model, attribute, part)
        yield
    finally:
        for attribute, part in kept.items():
            setattr(model, attribute, part)


def replay(
    model: nn.Module, clips: Sequence[Clip], tensors: Tensors, facts: Mapping[str, Any], levels: Sequence[Level]
) -> Step:
    """The objective in training mode with the recorded draws. Raises UserError when some of them are left over."""
    model.train()
    listening = [(level, Listening(getattr(model, level.attribute))) for level in levels]
    draws = RecordedDraws(tensors, facts, levels)
    with in_their_place(model, {level.attribute: ear for level, ear in listening}):
        losses = model.losses(clips, draws)  # type: ignore[operator]
    if draws.waiting:
        raise UserError(f"{tensors.path}: {len(draws.waiting)} recorded draws are left over")
    return Step(losses, listening)


def step_checks(step: Step, tensors: Tensors, facts: Mapping[str, Any], group: str, limits: Limits) -> Iterator[Check]:
    """Costs, assignments, points, and every loss term of every layer, level by level; then the total."""
    costs, assignments, points = tensors.numbered("cost"), list(facts["assignments"]), tensors.numbered("points")
    for level, ours in step.levels:
        label = f"{group} {level.name}"
        pairs = [pair for layer in last_first(ours.costs, ours.matches) for pair in zip(*layer, strict=True)]
        count = len(pairs)
        if min(len(costs), len(assignments)) < count:
            raise UserError(f"{tensors.path}: fewer costs or assignments than {level.name} has: {count} at least")
        yield compare(f"{label} costs", [(c, r) for (c, _), r in zip(pairs, costs, strict=False)], limits.costs)
        yield compare_assignments(f"{label} assignments", [m for _, m in pairs], assignments[:count])
        if ours.points.numel() and points:
            recorded = last_to_end(points[: len(ours.points)])
            yield compare_points(f"{label} points", zip(ours.points, recorded, strict=True))
        yield compare_terms(f"{label} losses", ours.loss, level, facts[level.losses], limits.losses)
        costs, assignments, points = costs[count:], assignments[count:], points[len(ours.matches) :]
    yield compare_numbers(f"{group} total", [step.losses.total.item()], [facts["total_weighted"]], limits.losses)


def compare_assignments(group: str, matches: list[Match], recorded: list[Mapping[str, Any]]) -> Check:
    """Matches in the recorded order; the error is the number of those that differ."""
    ours = [[m.tolist() for m in match] for match in matches]
    theirs = [[match["src"], match["tgt"]] for match in recorded]
    wrong = sum(a != b for a, b in zip(ours, theirs, strict=True))
    return Check(group, float(wrong), float(len(theirs)), 0.0, wrong == 0)


def compare_terms(
    group: str, loss: SetLoss, level: Level, recorded: Mapping[str, float], tolerance: Tolerance
) -> Check:
    """Every unweighted loss term of every layer."""
    ours, theirs = [], []
    for kind, values in (("ce", loss.classification), ("mask", loss.mask), ("dice", loss.dice)):
        layers = len(values)
        names = [f"{level.prefix}_{kind}_{layer}" for layer in range(layers - 1)] + [f"{level.prefix}_{kind}"]
        if any(name not in recorded for name in names) or f"{level.prefix}_{kind}_{layers - 1}" in recorded:
            return failed(f"{group}: another number of layers")
        ours += values.tolist()
        theirs += [recorded[name] for name in names]
    return compare_numbers(group, ours, theirs, tolerance)


def gradient_checks(
    model: nn.Module,
    official: ReferenceAdapter,
    norms: Mapping[str, Any],
    gradients: Mapping[str, Tensor],
    group: str,
) -> Iterator[Check]:
    """Gradients by official name: those recorded whole entry by entry, of all others the L2 norm."""
    ours = official_names_of({n: p.grad for n, p in model.named_parameters() if p.grad is not None}, official)
    if gradients:
        missing = [key for key in gradients if key not in ours]
        pairs = [(ours[key], recorded) for key, recorded in gradients.items() if key in ours]
        check = compare_relative(f"{group} gradients", pairs, GRADIENT)
        yield failed(f"{group} gradients: none for {missing[0]}") if missing else check
    # What is zero in exact arithmetic, such as a key's bias, is noise in proportion to the whole gradient.
    tolerance = Tolerance(1e-7 * norms["total"], GRADIENT)
    recorded_norms = {key: norm for key, norm in norms["per_parameter_l2"].items() if norm is not None}
    found = [float(ours[key].norm()) if key in ours else 0.0 for key in recorded_norms]
    yield compare_numbers(f"{group} gradient norms", found, list(recorded_norms.values()), tolerance)
