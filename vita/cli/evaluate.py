"""`vita evaluate`, `vita evaluate-frames` and `vita submit`. Heavy imports wait until a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vita.cli.json_output import AsJson, print_json

GroundTruthFile = Annotated[Path, typer.Option(help="Ground truth in YouTube-VIS format.")]
FirstVideos = Annotated[int | None, typer.Option(min=1, help="Only the first n videos by id.")]
SplitFile = Annotated[
    Path | None, typer.Option(help="A list of `vita data split`: only the videos that it validates on.")
]


def evaluate(
    gt: GroundTruthFile,
    pred: Annotated[Path, typer.Option(help="Results file: a list of tracks.")],
    out: Annotated[Path | None, typer.Option(help="Metrics file, with per-video counts.")] = None,
    limit_videos: FirstVideos = None,
    videos: SplitFile = None,
    draws: Annotated[int, typer.Option(min=0, help="Draws of the bootstrap; 0: no intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    against: Annotated[Path | None, typer.Option(help="Another results file: how do they differ?")] = None,
    breakdown: Annotated[bool, typer.Option("--breakdown", help="By category, objects, length, occlusion.")] = False,
    per_video: Annotated[Path | None, typer.Option(help="CSV with one row a video.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Where the missing AP goes; large data: minutes.")] = False,
    chart: Annotated[Path | None, typer.Option(help="Draw --errors; .pdf and .png appear.")] = None,
    hota: Annotated[bool, typer.Option("--hota", help="HOTA, DetA, AssA and LocA on masks.")] = False,
    occlusion: Annotated[
        bool, typer.Option("--occlusion", help="AP by light, medium and heavy occlusion, as OVIS has it.")
    ] = False,
    long: Annotated[
        Path | None, typer.Option(help="YouTube-VIS 2022: ids of the long videos, or ground truth of their own.")
    ] = None,
    long_pred: Annotated[
        Path | None, typer.Option(help="Results file of the long videos, if --pred lacks them.")
    ] = None,
    imported: Annotated[
        Path | None, typer.Option(help="Record of `vita import` for --pred: it must cover what is scored.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score predictions: average precision and recall of YouTube-VIS, with intervals."""
    from vita.core.contract import UserError
    from vita.core.records import ImportRecord, read_record, write_record
    from vita.evaluation.evaluate_file import EvaluationOptions, evaluate_file, write_per_video
    from vita.evaluation.further import FurtherOptions
    from vita.report.tables.evaluation_text import evaluation_text

    if chart is not None and not errors:
        raise UserError("--chart draws the error analysis; ask for it with --errors")
    if long_pred is not None and long is None:
        raise UserError("--long-pred is the results file of the long videos; name their ground truth with --long")
    further = FurtherOptions(hota, occlusion, long, long_pred)
    record = None if imported is None else read_record(ImportRecord, imported)
    options = EvaluationOptions(draws, seed, against, breakdown, errors, further, record)
    report = evaluate_file(options, gt, pred, limit_videos, _chosen(videos, gt))
    if out is not None:
        write_record(out, report.record())
    if per_video is not None:
        write_per_video(report.videos, per_video)
        typer.echo(f"{per_video}: one row a video", err=True)
    if chart is not None and report.errors is not None:
        from vita.report.figures.error_chart import draw_errors

        draw_errors(report.errors, chart)
    if as_json:
        print_json({key: value for key, value in report.record().to_json().items() if key != "counts"})
    else:
        typer.echo(evaluation_text(report))


def evaluate_frames(
    gt: GroundTruthFile,
    pred: Annotated[Path, typer.Option(help="frame_detector.json of `vita predict`.")],
    out: Annotated[Path | None, typer.Option(help="JSON with scores and per-category AP.")] = None,
    limit_videos: FirstVideos = None,
    videos: SplitFile = None,
    as_json: AsJson = False,
) -> None:
    """Score the frame detector alone: COCO's AP, every frame an image."""
    from vita.core.files import write_json
    from vita.evaluation.frames.frame_ap import evaluate_frames as score_frames
    from vita.evaluation.frames.frame_detections import read_frame_detections
    from vita.evaluation.readers.ground_truth import load_ground_truth
    from vita.report.tables.evaluation_text import frames_text

    whole = load_ground_truth(gt)
    truth = whole.part(_chosen(videos, gt), limit_videos)
    evaluation = score_frames(truth, read_frame_detections(pred, whole, frozenset(truth.videos)))
    if out is not None:
        write_json(out, evaluation.to_json())
    if as_json:
        print_json(evaluation.to_json())
    else:
        typer.echo(frames_text(evaluation))


def submit(
    dataset: Annotated[Path, typer.Option(help="A data-set YAML; its released validation videos are what is scored.")],
    pred: Annotated[Path, typer.Option(help="Results file of `vita predict --split released_valid`.")],
    out: Annotated[Path, typer.Option(help="Archive to write, .zip.")],
) -> None:
    """Write the archive that an evaluation server takes, and check it by reading it again."""
    from vita.core.config_base import load
    from vita.core.dataset_config import DatasetConfig
    from vita.data.dataset import read_part
    from vita.evaluation.readers.ground_truth import VideoSize
    from vita.evaluation.submission import write_submission

    config = load(DatasetConfig, dataset).model_copy(update={"limit_videos": None})
    split = read_part(config, "released_valid")
    videos = {video.id: VideoSize(video.height, video.width, len(video.frame_paths)) for video in split.videos}
    typer.echo(write_submission(pred, videos, split.category_ids, out).summary())


def _chosen(split: Path | None, gt: Path) -> frozenset[int] | None:
    """Ids of the videos that a local split of this ground truth validates on."""
    from vita.data.local_split import read_local_split

    return None if split is None else read_local_split(split, gt).videos("valid")
