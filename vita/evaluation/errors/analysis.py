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
from vita.evaluation.errors.optimal_links import link_optimally
from vita.evaluation.errors.oracles import ORACLES, Oracle
from vita.evaluation.errors.scene import ErrorScene, build_scene
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import GroundTruth
from vita.evaluation.scoring import evaluate_detections


@dataclass(frozen=True)
class ErrorKind:
    """AP (a fraction) that an oracle gives back: applied to the predictions as they are, and after those before it."""

    name: str
    alone: float
    in_sequence: float


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
        kinds = [asdict(kind) for kind in self.kinds]
        return {"ap": self.ap, "kinds": kinds, "association_optimal": self.optimal_links}

    def further(self) -> dict[str, FurtherValue]:
        """The columns that tables may ask for."""
        values = next(kind.alone for kind in self.kinds if kind.name == "association"), self.optimal_links
        return {name: FurtherValue(score=value) for name, value in zip(get_args(AssociationScore), values, strict=True)}


def analyse_errors(ground_truth: GroundTruth, detections: Sequence[Detection]) -> ErrorAnalysis:
    """Split the missing AP into association, classification, mask, missed and spurious.

    An object whose masks are all empty can never be found: it stays missing after all oracles. Raises UserError when
    there is no object at all.
    """
    best_score = max((detection.score for detection in detections), default=1.0)
    with progress(len(ground_truth.videos) + 2 + 2 * len(ORACLES), "errors") as bar:
        scenes = []
        for scene in _scenes(ground_truth, detections):
            scenes.append(scene)
            bar.update()
        start = _ap(ground_truth, scenes)
        bar.update()
        if start == NO_GROUND_TRUTH:
            raise UserError("the ground truth has no object to find, so there are no errors to analyse")
        kinds: list[ErrorKind] = []
        reached, mended = start, scenes
        for name, oracle in ORACLES.items():
            by_itself = _apply(oracle, scenes, best_score)
            alone = _ap(ground_truth, by_itself)
            # The first oracle sees the predictions as they are in both.
            mended = _apply(oracle, mended, best_score) if kinds else by_itself
            after = _ap(ground_truth, mended) if kinds else alone
            kinds.append(ErrorKind(name, alone - start, after - reached))
            reached = after
            bar.update(2)
        optimal = _ap(ground_truth, _apply(link_optimally, scenes, best_score)) - start
        bar.update()
    return ErrorAnalysis(start, tuple(kinds), optimal)


def _apply(oracle: Oracle, scenes: list[ErrorScene], best_score: float) -> list[ErrorScene]:
    return [oracle(scene, best_score) for scene in scenes]


def _ap(ground_truth: GroundTruth, scenes: list[ErrorScene]) -> float:
    detections = [detection for scene in scenes for detection in scene.detections()]
    return evaluate_detections(ground_truth, detections).scores.ap


def _scenes(ground_truth: GroundTruth, detections: Sequence[Detection]) -> Iterator[ErrorScene]:
    annotated = grouped(ground_truth.annotations, lambda annotation: annotation.video_id)
    detected = grouped(detections, lambda detection: detection.video_id)
    for key in ground_truth.videos:
        yield build_scene(key, ground_truth, annotated.get(key, ()), detected.get(key, ()))
