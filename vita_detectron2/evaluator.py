"""An evaluator of video instance segmentation for detectron2: average precision, its interval, and that of categories.

It stands in the place of the `YTVISEvaluator` of any VIS project. Scores are those of `vita evaluate`, which runs in a
process of its own.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detectron2.data import MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager

from vita_detectron2.command import run_vita
from vita_detectron2.results import results_of
from vita_detectron2.scores import scores_of

RESULTS, METRICS = "results.json", "metrics.json"


class YTVISEvaluator(DatasetEvaluator):
    """Collects what a model finds in the videos of a data set, and scores it as YouTube-VIS does."""

    def __init__(
        self,
        dataset_name: str,
        tasks: Any = None,
        distributed: bool = True,
        output_dir: str | None = None,
        *,
        use_fast_impl: bool = True,
        draws: int = 1000,
    ) -> None:
        """The arguments of every project's evaluator of this name.

        dataset_name: in detectron2's catalogue, whose `json_file` holds the labels. tasks, use_fast_impl: not needed
        here. distributed: gather what all processes found, and score it in the first one. output_dir: for
        `results.json` and `metrics.json`; none is kept when None. draws: of the bootstrap that gives the interval.
        """
        self._metadata = MetadataCatalog.get(dataset_name)
        self._distributed, self._draws = distributed, draws
        self._folder = None if output_dir is None else Path(output_dir).resolve()
        self._ground_truth = Path(PathManager.get_local_path(self._metadata.json_file)).resolve()
        self._logger = logging.getLogger(__name__)
        self._predictions: list[dict[str, Any]] = []
        labels = json.loads(self._ground_truth.read_text(encoding="utf-8")).get("annotations")
        self._has_labels = labels is not None
        if not self._has_labels:
            self._logger.warning("%s has no labels: predictions will be written, not scored", self._ground_truth)

    def reset(self) -> None:
        """Forget what was collected."""
        self._predictions = []

    def process(self, inputs: Sequence[Mapping[str, Any]], outputs: Any) -> None:
        """Take what the model found in one video.

        inputs: the loader's entry of the video, in a list. outputs: `pred_scores`, `pred_labels` and `pred_masks`, as
        a mapping or the one entry of a list. Raises ValueError naming what does not fit.
        """
        (video,) = inputs
        (output,) = (outputs,) if isinstance(outputs, Mapping) else outputs
        categories = getattr(self._metadata, "thing_dataset_id_to_contiguous_id", None)
        by_label = None if categories is None else {label: id for id, label in categories.items()}
        self._predictions += results_of(video["video_id"], output, by_label)

    def evaluate(self) -> OrderedDict[str, dict[str, float]]:
        """Scores in points, by name, under `segm`; empty in all processes but the first, and without labels.

        `AP_low` and `AP_high` are the 95 % interval of AP over drawn videos. A score is NaN where there is no object
        to find. Raises VitaCommandError with one line when labels or predictions are not sound.
        """
        predictions = self._predictions
        if self._distributed:
            comm.synchronize()
            gathered = comm.gather(predictions, dst=0)
            if not comm.is_main_process():
                return OrderedDict()
            predictions = list(chain.from_iterable(gathered))
        with TemporaryDirectory(prefix="vita-evaluate-") as temporary:
            folder = self._folder or Path(temporary)
            PathManager.mkdirs(str(folder))
            (folder / RESULTS).write_text(json.dumps(predictions), encoding="utf-8")
            if self._folder is not None:
                self._logger.info("%d tracks in %s", len(predictions), folder / RESULTS)
            return OrderedDict(segm=self._score(folder)) if self._has_labels else OrderedDict()

    def _score(self, folder: Path) -> dict[str, float]:
        files = ("--gt", str(self._ground_truth), "--pred", str(folder / RESULTS), "--out", str(folder / METRICS))
        self._logger.info("\n%s", run_vita("evaluate", *files, "--draws", str(self._draws), folder=folder))
        return scores_of(json.loads((folder / METRICS).read_text(encoding="utf-8")))
