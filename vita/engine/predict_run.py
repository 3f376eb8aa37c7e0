"""All predictions of one run's weights, with their record."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from vita.core.contract import UserError
from vita.core.files import sha256
from vita.core.plugins import find_method, method_package
from vita.core.records import PREDICTION_FILE
from vita.core.run_config import PredictConfig, RunConfig
from vita.core.written_files import digests
from vita.data.dataset import Part, find_files, read_part
from vita.engine.checkpoint import load_whole
from vita.engine.device_settings import Adopt, apply_settings, as_it_is, find_device, place
from vita.engine.inference_plan import read_plan
from vita.engine.kept_predictions import DETECTIONS, give_kept, identity, keep, read_kept
from vita.engine.memory_advice import OutOfMemoryError, memory_explained, prediction_advice
from vita.engine.predict import write_predictions
from vita.engine.record import device_name, new_prediction_record, source_digest, write_ended
from vita.engine.seeding import seed_everything


def predict_run(
    config: RunConfig,
    plan: PredictConfig,
    only: list[str],
    weights: Path,
    out: Path,
    folder: Path,
    part: Part = "valid",
    adopt: Adopt = as_it_is,
    device: torch.device | None = None,
) -> None:
    """Write `out/<variant>.json`, and frame_detector.json and predict_record.json into `folder`.

    part: of the data set, whose videos are predicted. Under a workflow, variants that a plan before had are taken over.
    only: names of the plan's variants, all when empty. adopt: turns the model into the form in which it predicts;
    left out, it stays as it was trained. device: left out, a card where there is one. Raises UserError on an unknown
    name or unreadable input, and when memory runs out: then the record, in `folder`/work, says so.
    """
    unknown = [name for name in only if name not in plan.variants]
    if unknown:
        raise UserError(f"--inference {unknown[0]}: not in the plan; allowed are {', '.join(plan.variants)}")
    seed_everything(config.seed, plan.threads)
    record = new_prediction_record(config, plan)
    record.source_digest = source_digest(method_package(config.method))
    definition, data = find_method(config.method), config.dataset
    if not config.is_trained and part == "valid" and data.validate_on == "local_split":
        raise UserError(
            f"{weights}: weights of others, which saw all of `train`: a local split of it is no test of them; score on "
            "labels of `valid` (`validate_on: valid`)"
        )
    asked = {name: options for name, options in plan.variants.items() if not only or name in only}
    read_plan(definition, asked)  # a slip is told before anything is loaded
    split = read_part(data, part)
    model = definition.build(config.options, len(split.category_ids))
    loaded = load_whole(model, weights)
    if loaded.reinitialised:
        raise UserError(
            f"{weights}: trained for another number of classes than the {len(split.category_ids)} of "
            f"{find_files(data, part).annotations} (see {loaded.reinitialised[0]})"
        )
    device = device or find_device(None)
    record.part = part
    record.device, record.weights_sha256 = device_name(device), sha256(weights)
    record.device_settings = apply_settings(plan.card, device)
    wanted, whole = identity(config, plan, record, part), part == "valid" and not only
    kept = read_kept(folder, plan, wanted) if whole else None
    record.taken_over = list(kept.variants) if kept else []
    new = read_plan(definition, {name: options for name, options in asked.items() if name not in record.taken_over})
    began, failed = time.perf_counter(), folder / "work" / PREDICTION_FILE
    try:
        with memory_explained("prediction", prediction_advice(plan)):
            model = place(model.eval(), plan.card, device, adopt)
            predicted = kept.predicted if kept else None
            if new.names:
                predicted = write_predictions(model, split, new, plan, out, folder / DETECTIONS)
    except OutOfMemoryError as error:
        record.status, record.error = "failed", f"{type(error).__name__}: {error}"
        write_ended(record, failed)
        raise
    assert predicted is not None
    if kept:
        give_kept(kept, folder, out)
    if whole:
        keep(folder, out, plan, wanted, predicted)
    record.files_sha256 = digests(folder, [*(out / f"{name}.json" for name in asked), folder / DETECTIONS])
    record.frames, record.streamed_videos = predicted.frames, predicted.streamed_videos
    record.predict_time_s, record.status = round(time.perf_counter() - began, 3), "finished"
    write_ended(record, folder / PREDICTION_FILE)
    failed.unlink(missing_ok=True)
