"""The model card of a run: metadata that hubs read, and what people should know before they use the weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

from vita import __version__
from vita.core.contract import UserError
from vita.core.plain_text import markdown
from vita.core.records import MetricsRecord
from vita.evaluation.main_scores import SCORES
from vita.report.publish.published_run import PublishedRun, ShownIn
from vita.report.tables.forms import grid
from vita.report.tables.text import interval, mean

TASK = "video-instance-segmentation"
PAPER = "https://arxiv.org/abs/2206.04403"
LIMITS = (
    "Scores are of this one training on these videos; the intervals are of the videos alone, and say nothing of "
    "another training. They compare with other numbers only where data, labels and videos are the same."
)


@dataclass(frozen=True)
class CardWords:
    """What only the user knows. benchmark: a data set on the hub, with the task there that AP is the metric of."""

    name: str
    inference: str = "intact"
    licence: str | None = None
    benchmark: str | None = None
    benchmark_task: str = "default"
    source_url: str | None = None


def card(run: PublishedRun, words: CardWords) -> str:
    """README.md: metadata with `model-index`, then the card in Markdown. Raises UserError without such scores."""
    data = ModelCardData(
        license=words.licence,
        library_name="vita-bench",
        tags=[TASK, run.config.method],
        model_name=words.name,
        eval_results=[*_eval_results(run, words)],
    )
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(_sections(run, words)) + "\n"


def evaluation_results(run: PublishedRun, words: CardWords) -> str | None:
    """`.eval_results/*.yaml`: AP in points on a benchmark of the hub; None where the user names none.

    Raises UserError when that is no name of a data set there, and when there is no AP.
    """
    if words.benchmark is None:
        return None
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", words.benchmark):
        raise UserError(f"--benchmark {words.benchmark}: a data set of the hub is OWNER/NAME")
    value = _points(_scored(run, words), "AP")
    if value is None:
        raise UserError(f"{run.folder}: no AP of '{words.inference}': the videos that were scored have no object")
    entry = EvalResultEntry(
        dataset_id=words.benchmark,
        task_id=words.benchmark_task,
        value=value,
        date=run.record.ended_at,
        source_url=words.source_url,
        notes=f"AP in points; ground truth: {run.config.dataset.ground_truth}; {_one_training(run)}",
    )
    return yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True)


def _eval_results(run: PublishedRun, words: CardWords) -> Iterator[EvalResult]:
    metrics, dataset = _scored(run, words), run.config.dataset
    for score in SCORES:
        value = _points(metrics, score)
        found = metrics.intervals.get(score.lower())
        args = {"interval_95": [round(100 * end, 4) for end in found], "draws": metrics.draws} if found else None
        if value is not None:
            yield EvalResult(
                task_type=TASK,
                task_name="Video instance segmentation",
                dataset_type=words.benchmark or dataset.name,
                dataset_name=run.dataset,
                dataset_split=dataset.ground_truth,
                dataset_args={"videos": metrics.num_videos},
                metric_type=score.lower(),
                metric_name=f"{score}, points",
                metric_value=value,
                metric_args=args,
                source_name=f"vita-bench {__version__}" if words.source_url else None,
                source_url=words.source_url,
            )


def _sections(run: PublishedRun, words: CardWords) -> Iterator[str]:
    config = run.config
    yield f"# {markdown(words.name)}"
    yield (
        f"{config.method} with the backbone `{config.backbone}`, training variant `{config.variant}`, trained for "
        f"{run.dataset} by vita-bench {__version__}, a reproduction of [VITA]({PAPER}). `model.safetensors` holds its "
        "weights, `config.yaml` all that they depend on."
    )
    yield "## Scores"
    yield f"Ground truth: {config.dataset.ground_truth}. Points, 0-100; 95 % intervals by bootstrap over the videos."
    yield grid(["inference", "videos", *SCORES, "interval of AP"], [*_score_rows(run)], "github")
    yield LIMITS
    for shown in run.shown_in:
        yield from _table_section(shown)
    yield "## Where the weights come from"
    yield grid(["", ""], [[name, value] for name, value in _provenance(run).items() if value], "github")
    yield "## Use"
    yield (
        "```sh\nvita demo film.mp4 --config config.yaml --weights model.safetensors --out film\n"
        "vita predict --config config.yaml --plan inference.yaml --weights model.safetensors --out predictions\n```"
    )


def _score_rows(run: PublishedRun) -> Iterator[list[str]]:
    for name, metrics in run.metrics.items():
        points = [_points(metrics, score) for score in SCORES]
        cells = ["" if value is None else f"{value:.1f}" for value in points]
        found = metrics.intervals.get("ap")
        ends = "" if found is None else "{:.1f} to {:.1f}".format(*(100 * end for end in found))
        yield [name, str(metrics.num_videos), *cells, ends]


def _table_section(shown: ShownIn) -> Iterator[str]:
    """Its rows as the table has them: means over seeds, with the files that they come from."""
    yield f"## In {markdown(shown.table.name)}"
    yield "Means over all seeds of a row, of which these weights are one."
    headers = [*shown.keys, "source", "AP (seeds)", "95 % interval", "difference", "verdict"]
    cells = [
        [
            *(row[name] for name in shown.keys),
            row["source"],
            mean(row, " ± "),
            interval(row, "{} to {}"),
            row.get("difference", ""),
            row.get("verdict", ""),
        ]
        for row in shown.rows
    ]
    yield grid(headers, cells, "github")
    evidence = dict.fromkeys(path for row in shown.rows for path in row["evidence"].split())
    yield f"From {', '.join(f'`{path}`' for path in evidence)}. SHA-256 of the table: `{shown.digest}`."


def _provenance(run: PublishedRun) -> Mapping[str, str]:
    record, origin, start = run.record, run.record.origin, run.record.started_from
    return {
        "weights": f"{record.weights_from}; SHA-256 {record.weights_sha256}",
        "file of others": f"{origin.file}, SHA-256 {origin.sha256}, read as {origin.layout}" if origin else "",
        "started from": f"{start.file}, SHA-256 {start.sha256}" if start else "",
        "training": f"{record.iterations} iterations, seed {record.seed}" if record.iterations else "",
        "data set": f"{run.config.dataset.name}; digest of its labels {record.data_digest or 'unknown'}",
        "configuration": record.config_digest,
        "source": record.source_digest,
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "machine": f"{record.machine}; {record.device}; {record.processes} process(es)",
        "trained": f"{record.started_at} to {record.ended_at}",
    }


def _scored(run: PublishedRun, words: CardWords) -> MetricsRecord:
    if words.inference not in run.metrics:
        raise UserError(
            f"--inference {words.inference}: no scores of it in {run.folder / 'metrics'}; "
            f"there are {', '.join(run.metrics)}"
        )
    return run.metrics[words.inference]


def _points(metrics: MetricsRecord, score: str) -> float | None:
    fraction = metrics.scores.get(score.lower())
    return None if fraction is None else round(100 * fraction, 4)


def _one_training(run: PublishedRun) -> str:
    return f"one training, seed {run.record.seed}; vita-bench {__version__}"
