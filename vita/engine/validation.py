"""AP on a few validation videos while training goes on; it draws nothing, so it leaves training as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from vita.core.contract import Track, UserError
from vita.core.run_config import PredictConfig, RunConfig
from vita.data.dataset import find_files, read_part
from vita.engine.inference_plan import InferencePlan
from vita.engine.predict import predict_split, results_of
from vita.engine.processes import ALONE, Processes
from vita.evaluation.readers.ground_truth import load_ground_truth
from vita.evaluation.scoring import evaluate


@dataclass(frozen=True)
class Validated:
    """ap: in points, 0..100, in every process.  first: tracks of the first video, which the main process predicts."""

    ap: float
    first: tuple[Track, ...]


class Validation:
    """Scores a model on the first validation videos by id. Raises UserError when they have no object to score."""

    def __init__(self, config: RunConfig, variant: Any) -> None:
        schedule = config.train
        self.split = read_part(config.dataset, "valid", schedule.validate_videos)
        annotations = find_files(config.dataset, "valid").annotations
        self.ground_truth = load_ground_truth(annotations).select([video.id for video in self.split.videos])
        if all(one.is_crowd for one in self.ground_truth.annotations):
            raise UserError(
                f"{annotations}: no object to score in the first {len(self.split.videos)} validation videos; "
                "raise train.validate_videos, or leave train.validate_every out"
            )
        self.plan = InferencePlan({"validation": variant}, {})
        self.predict = PredictConfig(
            variants={"validation": config.validation},
            short_edge=schedule.validate_short_edge,
            max_edge=schedule.validate_max_edge,
        )

    def __call__(self, model: nn.Module, processes: Processes = ALONE) -> Validated:
        """Scores of the model as it is; each process predicts a share of the videos."""
        processes.copy_buffers(model)
        mine = replace(self.split, videos=tuple(processes.share(self.split.videos)))
        found: list[list[dict[str, Any]]] = []
        first: tuple[Track, ...] = ()
        for video, prediction in predict_split(model, mine, self.plan, self.predict):
            tracks = prediction.tracks["validation"]
            found.append(results_of(video, tracks, self.split.category_ids))
            if video is self.split.videos[0]:
                first = tuple(tracks)
        predictions = [entry for entries in processes.together(found) for entry in entries]
        return Validated(100 * evaluate(self.ground_truth, predictions).scores.ap, first)
