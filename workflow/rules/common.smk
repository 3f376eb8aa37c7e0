# What the rules ask of the run table.

import os
import re
import sys
from pathlib import Path

import vita
from snakemake.exceptions import WorkflowError
from vita.config_file import dump
from vita.contract import UserError
from vita.data.dataset import find_files
from vita.experiments.run_table import RunTable

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


def annotations(dataset, *splits):
    """The annotation files of some splits; they stand for the whole split, since they are written last."""
    if dataset.shapes:  # a rule writes them
        return [f"{dataset.root}/{getattr(dataset, split).annotations}" for split in splits]
    try:
        return [str(find_files(dataset, split).annotations) for split in splits]
    except UserError as error:
        raise WorkflowError(str(error)) from None


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
    return " ".join(
        f"--runs {directory}"
        for directory in dict.fromkeys(run.directory for run, _ in evaluations)
    )


def evaluations_of(experiment):
    """What one table needs. Raises an error when the tier in force does not name it."""
    if experiment not in TABLE.specs:
        raise WorkflowError(
            f"the tier '{TABLE.tier.tier}' does not name the experiment '{experiment}'"
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
    folder = f"results/tables/{TABLE.tier.tier}/{experiment}"
    return {"spec": f"{folder}/spec.yaml", "runs": f"{folder}/runs.csv"}
