# What the rules ask of the run table.

import os
import re
import sys
from pathlib import Path

import vita
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from vita.config_file import dump
from vita.contract import UserError
from vita.data.dataset import find_files
from vita.experiments.run_table import RunTable
from vita.report.server_scores import read_server_score

LIBRARY = Path(workflow.basedir) / "workflow" / "config"
PACKAGE = Path(vita.__file__).parent
ENVIRONMENT = "../../environment.yml"
RUN = "results/runs/{tier}/{dataset}/{method}/{backbone}/{variant}/seed{seed}"


def put_vita_on_path():
    """Rules call the `vita` beside the Python that runs Snakemake, or that in the folder VITA_BIN."""
    folder = os.environ.get("VITA_BIN") or str(Path(sys.executable).parent)
    os.environ.update(
        PATH=os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))
    )


def run_table(config):
    """The runs and tables of `--config tier=`: a name in workflow/config, or a path. Every file is checked here."""
    try:
        return RunTable(tier_file(config), LIBRARY)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def tier_file(config):
    unknown = sorted(set(config) - {"tier"})
    if unknown:
        raise UserError(f"--config: unknown key '{unknown[0]}'; allowed: tier")
    tier = str(config.get("tier", "smoke"))
    path = Path(tier) if tier.endswith((".yaml", ".yml")) else LIBRARY / f"{tier}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in LIBRARY.glob("*.yaml")))
        raise UserError(
            f"--config: no tier '{tier}'; known: {known}, or the path of a YAML file"
        )
    return path


def one_of(names):
    """A pattern for exactly these names."""
    return "|".join(sorted({re.escape(str(name)) for name in names})) or "(?!)"


def run_of(wildcards):
    return TABLE.find(RUN.format(**dict(wildcards.items())))


def annotations(dataset, part):
    """The annotation file of a part; it stands for all of it, since of embedded data it is written last."""
    if dataset.shapes:  # a rule writes it
        local = dataset.validate_on == "local_split"
        split = dataset.train if part == "train" or local else dataset.valid
        return f"{dataset.root}/{split.annotations}"
    try:
        return str(find_files(dataset, part).annotations)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def local_split(dataset):
    """The list of ids that divides `train`, for a data set that is scored on a part of it; a rule can write it."""
    if dataset.validate_on != "local_split":
        return []
    path = Path(dataset.local_split.file)
    if (
        path != Path(f"results/data/{dataset.name}/local_split.json")
        and not path.is_file()
    ):
        raise WorkflowError(
            f"data set '{dataset.name}': local_split.file is {path}, which is not there; write it with "
            f"`vita data split`, or name results/data/{dataset.name}/local_split.json, which the workflow writes"
        )
    return [str(path)]


def training_data(config):
    """What a run reads: its data set, and the images that are mixed in."""
    parts = ("train", "valid") if config.train.validate_every else ("train",)
    sets = [
        config.dataset,
        *([config.pseudo_videos.dataset] if config.pseudo_videos else []),
    ]
    files = {annotations(config.dataset, part) for part in parts}
    files |= {annotations(each, "train") for each in sets}
    return sorted(files.union(*map(local_split, sets)))


def scored_videos(dataset):
    """Options of `vita evaluate` that choose the videos."""
    limit = [f"--limit-videos {dataset.limit_videos}"] if dataset.limit_videos else []
    return " ".join([*limit, *(f"--videos {path}" for path in local_split(dataset))])


def sources(*patterns):
    """Files of the package that a cheap rule depends on, so that a change there runs it again."""
    files = sorted(path for pattern in patterns for path in PACKAGE.glob(pattern))
    here = Path.cwd()
    return [
        str(path.relative_to(here) if path.is_relative_to(here) else path)
        for path in files
    ]


def metrics(evaluations):
    return [
        f"{run.directory}/metrics/{inference}.json" for run, inference in evaluations
    ]


def records(evaluations):
    return sorted({f"{run.directory}/record.json" for run, _ in evaluations})


def directories(evaluations):
    """The runs as options of `vita table runs`, in the order of the run table."""
    return each_as_option(
        "--runs", dict.fromkeys(run.directory for run, _ in evaluations)
    )


def each_as_option(option, values):
    return " ".join(f"{option} {value}" for value in values)


def server_scores():
    """The files of scores from servers. Of the tier in force, one that no table asks for is told of: a slip, maybe."""
    paths = sorted(str(path) for path in Path("results/server").glob("*.json"))
    asked = {(run.directory, inference) for run, inference in TABLE.evaluated()}
    for path in paths if workflow.is_main_process else []:
        try:
            score = read_server_score(Path(path))
        except UserError as error:
            raise WorkflowError(str(error)) from None
        directory = RUN.format(**score.model_dump())
        if score.tier == TABLE.tier.tier and (directory, score.inference) not in asked:
            logger.warning(
                f"{path}: no table asks for inference variant '{score.inference}' of {directory}"
            )
    return paths


def evaluations_of(experiment):
    """What one table needs. Raises an error when the tier in force does not name it."""
    if experiment not in TABLE.specs:
        raise WorkflowError(
            f"the tier '{TABLE.tier.tier}' does not name the experiment '{experiment}'; "
            f"its experiments: {', '.join(TABLE.specs)}"
        )
    return TABLE.evaluations(experiment)


def print_errors(started):
    """Repeat the errors that jobs wrote into their logs since `started`, below all that Snakemake says of them."""
    for log in sorted(Path("results").rglob("*.log")):
        if log.stat().st_mtime >= started:
            last = log.read_text(errors="replace").strip().rpartition("\n")[2]
            if re.match(r"error: |[\w.]*(Error|Exception)\b", last):
                print(f"{log}: {last}", file=sys.stderr)


def table_files(experiment):
    """What `vita table build` reads, by the names of its options."""

    def of(file):
        def path(wildcards):
            evaluations_of(experiment)  # tells when the tier does not offer this table
            return f"results/tables/{TABLE.tier.tier}/{experiment}/{file}"

        return path

    return {"spec": of("spec.yaml"), "runs": of("runs.csv")}
