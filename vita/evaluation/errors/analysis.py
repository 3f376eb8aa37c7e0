"""Where the missing AP goes: how much of it oracles give back, each alone and one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from vita.core.contract import UserError
from vita.core.further_scores import AssociationScore
from vita.core.grouping import grouped
from vita.core.progress import progress
from vita.core.records import FurtherValue
from vita.evaluation.average_precision import NO_GROUND_TRUTH
from vita.evaluation.bootstrap import paired_bootstrap
from vita.evaluation.errors.optimal_links import link_optimally
from vita.evaluation.errors.oracles import ORACLES, Oracle
from vita.evaluation.errors.scene import ErrorScene, build_scene
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import GroundTruth
from vita.evaluation.scoring import Evaluation, evaluate_detections

Ends = tuple[float, float]


@dataclass(frozen=True)
class ErrorKind:
    """AP (a fraction) that an oracle gives back: applied to the predictions as they are, and after those before it.

    alone_interval, sequence_interval: of these over the videos, low and high; None where no videos were drawn, or fewer
    than two show an object.
    """

    name: str
    alone: float
    in_sequence: float
    alone_interval: Ends | None = None
    sequence_interval: Ends | None = None


@dataclass(frozen=True)
class ErrorAnalysis:
    """AP of the predictions, and the kinds of error in their order; AP and all `in_sequence` add up to 1.

    optimal_links: AP that the best linking of the masks over time would give back, see `optimal_links.py`.
    """

    ap: float
    kinds: tuple[ErrorKind, ...]
    optimal_links: float

    def to_json(self) -> dict[str, Any]:
        """As the metrics file holds it: fractions."""
        kinds = [{key: value for key, value in asdict(kind).items() if value is not None} for kind in self.kinds]
        return {"ap": self.ap, "kinds": kinds, "association_optimal": self.optimal_links}

    def further(self) -> dict[str, FurtherValue]:
        """The columns that tables may ask for."""
        values = next(kind.alone for kind in self.kinds if kind.name == "association"), self.optimal_links
        return {name: FurtherValue(score=value) for name, value in zip(get_args(AssociationScore), values, strict=True)}


def analyse_errors(
    ground_truth: GroundTruth, detections: Sequence[Detection], draws: int = 0, seed: int = 0
) -> ErrorAnalysis:
    """Split the missing AP into association, classification, mask, missed and spurious.

    draws: of the videos, for intervals of what each kind gives back; 0: none.  An object whose masks are all empty can
    never be found: it stays missing after all oracles. Raises UserError when there is no object at all.
    """
    best_score = max((detection.score for detection in detections), default=1.0)
    with progress(len(ground_truth.videos) + 2 + 2 * len(ORACLES), "errors") as bar:
        scenes = []
        for scene in _scenes(ground_truth, detections):
            scenes.append(scene)
            bar.update()
        start = _evaluate(ground_truth, scenes)
        bar.update()
        if start.scores.ap == NO_GROUND_TRUTH:
            raise UserError("the ground truth has no object to find, so there are no errors to analyse")
        kinds: list[ErrorKind] = []
        reached, mended = start, scenes
        for name, oracle in ORACLES.items():
            by_itself = _apply(oracle, scenes, best_score)
            alone = _evaluate(ground_truth, by_itself)
            # The first oracle sees the predictions as they are in both.
            mended = _apply(oracle, mended, best_score) if kinds else by_itself
            after = _evaluate(ground_truth, mended) if kinds else alone
            by_alone, by_sequence = alone.scores.ap - start.scores.ap, after.scores.ap - reached.scores.ap
            intervals = [_interval(*pair, draws, seed) for pair in ((alone, start), (after, reached))]
            kinds.append(ErrorKind(name, by_alone, by_sequence, *intervals))
            reached = after
            bar.update(2)
        optimal = _evaluate(ground_truth, _apply(link_optimally, scenes, best_score)).scores.ap - start.scores.ap
        bar.update()
    return ErrorAnalysis(start.scores.ap, tuple(kinds), optimal)


def _apply(oracle: Oracle, scenes: list[ErrorScene], best_score: float) -> list[ErrorScene]:
    return [oracle(scene, best_score) for scene in scenes]


def _evaluate(ground_truth: GroundTruth, scenes: list[ErrorScene]) -> Evaluation:
    return evaluate_detections(ground_truth, [detection for scene in scenes for detection in scene.detections()])


def _interval(mended: Evaluation, before: Evaluation, draws: int, seed: int) -> Ends | None:
    """Of the AP that is gained; both on the same draws of the videos."""
    if not draws:
        return None
    found = paired_bootstrap(mended.counts, before.counts, draws, seed).intervals.get("ap")
    return None if found is None else (found.low, found.high)


def _scenes(ground_truth: GroundTruth, detections: Sequence[Detection]) -> Iterator[ErrorScene]:
    annotated = grouped(ground_truth.annotations, lambda annotation: annotation.video_id)
    detected = grouped(detections, lambda detection: detection.video_id)
    for key in ground_truth.videos:
        yield build_scene(key, ground_truth, annotated.get(key, ()), detected.get(key, ()))
