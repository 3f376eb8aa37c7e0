"""AP on a few validation videos while training goes on; it draws nothing, so it leaves training as it is."""

from __future__ import annotations

from typing import Any

from torch import nn

from vita.config import PredictConfig, RunConfig
from vita.data.dataset import find_files, read_part
from vita.engine.predict import predict_split, results_of
from vita.engine.procedures import InferencePlan
from vita.evaluation.evaluate import evaluate
from vita.evaluation.ground_truth import load_ground_truth


class Validation:
    """Scores a model on the first validation videos by id."""

    def __init__(self, config: RunConfig, variant: Any) -> None:
        self.split = read_part(config.dataset, "valid", config.train.validate_videos)
        annotations = find_files(config.dataset, "valid").annotations
        self.ground_truth = load_ground_truth(annotations).select([video.id for video in self.split.videos])
        self.plan = InferencePlan({"validation": variant}, {})
        self.predict = PredictConfig(variants={"validation": config.validation})

    def __call__(self, model: nn.Module) -> float:
        """AP in points, 0..100."""
        predictions = [
            entry
            for video, prediction in predict_split(model, self.split, self.plan, self.predict)
            for entry in results_of(video, prediction.tracks["validation"], self.split.category_ids)
        ]
        return 100 * evaluate(self.ground_truth, predictions).scores.ap
