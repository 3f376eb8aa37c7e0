# What a table or figure stands on: (run, inference variant) pairs, their files, and which of them failed.

import re
import sys
from pathlib import Path

from snakemake.logging import logger
from vita.core.contract import UserError
from vita.experiments import failures
from vita.report.runs.server_scores import read_server_score

OWN_RULE = {
    "curves": "figure5",
    "qualitative": "figure6",
    "frames": "table4",
}  # kinds of experiments of which there is one each


def evaluations_of(experiment):
    """What one table needs. Raises an error when the tier in force does not name it."""
    if experiment not in TABLE.specs:
        refuse(
            f"the tier '{TABLE.tier.tier}' does not name the experiment '{experiment}'; "
            f"its experiments: {', '.join(TABLE.specs)}"
        )
    return TABLE.evaluations(experiment)


def externals_of(experiment):
    """The external results of one table."""
    evaluations_of(experiment)  # tells when the tier does not name it
    return TABLE.externals(experiment)


def experiments(*kinds):
    return [name for name, spec in TABLE.specs.items() if spec.kind in kinds]


def everything():
    """All that the tier in force offers, but Table 4, whose measurements take some minutes of their own."""
    tables = [f"results/{name}.html" for name in experiments("table")]
    figures = [f"results/{name}.pdf" for name in experiments("curves")]
    figures += [f"results/{name}/{name}.pdf" for name in experiments("qualitative")]
    return ["results/all_runs.csv", *tables, *figures, "results/claims.html"]


def what_is_there():
    """Of all that the tier in force offers, what is made; Snakemake reports nothing of which a file is missing."""
    offered = [*everything(), *(f"results/{name}.html" for name in TABLE.probes)]
    there = [
        file for file in offered if all(Path(part).exists() for part in made_with(file))
    ]
    if not there:
        refuse(
            "there is nothing to report yet; make a table first, such as results/table6.csv"
        )
    return there


def made_with(file):
    """The parts of the report that one rule makes together with this one."""
    path = Path(file)
    if path.stem in TABLE.probes:
        figure = path.with_name(f"{path.stem}_memory.pdf")
        return [path, figure, figure.with_suffix(".png")]
    return [path, *([path.with_suffix(".png")] if path.suffix == ".pdf" else [])]


def tables_of_scores():
    """Made by one rule. Of tables that come with the workflow it takes all, so that it can tell what the tier lacks."""
    shipped = {path.stem for path in (LIBRARY / "experiments").glob("*.yaml")}
    return shipped.union(experiments("table")) - taken_names()


def taken_names():
    """Names in results/ that rules of their own have; none is that of a table of scores."""
    return {path.stem for path in (LIBRARY.parent / "rules").glob("*.smk")} | {
        "all_runs"
    }


def check_names():
    """An experiment is called as its files in results/ are: what would stand for two things is refused."""
    for name, experiment in TABLE.experiments.items():
        own = OWN_RULE.get(experiment.kind)
        if own is None and name in taken_names():
            refuse(
                f"experiment '{name}': this name is something else's in results/; give the experiment's file another"
            )
        if own not in (None, name):
            refuse(
                f"experiment '{name}': kind: {experiment.kind} is for '{own}' alone; allowed here: table"
            )


def failed(run, inference):
    return SHOW_FAILED and failures.evaluation_failed(run, inference)


def failed_runs(evaluations):
    """Those with a failed evaluation, in the order of the run table."""
    return list(
        dict.fromkeys(run for run, inference in evaluations if failed(run, inference))
    )


def finished(evaluations):
    return [pair for pair in evaluations if not failed(*pair)]


def metrics(evaluations):
    return [
        f"{run.directory}/metrics/{inference}.json"
        for run, inference in finished(evaluations)
    ]


def external_files(runs):
    """What external results leave: scores, and what those are of; where scoring failed, the log that tells."""
    badly = [run for run in runs if SHOW_FAILED and run.failed]
    scores = [
        f"{run.directory}/logs/evaluate.log" if run in badly else run.metrics
        for run in runs
    ]
    return scores + [f"{run.directory}/external.yaml" for run in runs]


def of_runs(file, evaluations):
    """One file of every run of which anything is finished."""
    runs = [run for run, _ in finished(evaluations)]
    return sorted(
        {
            f"{run.directory}/{file}"
            for run in runs
            if run.is_trained or file != "history.csv"
        }
    )


def traces(runs):
    """What is known of failed runs: what they are, and how their last attempt ended."""
    configs = [f"{run.directory}/config.yaml" for run in runs]
    plans = [f"{run.directory}/inference.yaml" for run in runs if run.prediction]
    return sorted({*configs, *plans}.union(*map(failures.traces, runs)))


def collected(evaluations, externals):
    """Inputs of `vita table runs`. evaluations, externals: functions of the wildcards."""
    return {
        "external": lambda wildcards: external_files(externals(wildcards)),
        "metrics": lambda wildcards: metrics(evaluations(wildcards)),
        "records": lambda wildcards: of_runs("record.json", evaluations(wildcards)),
        "failed": lambda wildcards: traces(failed_runs(evaluations(wildcards))),
    }


def run_options(evaluations, externals):
    """What is evaluated, as options of `vita table runs`, in the order of the run table."""
    badly = failed_runs(evaluations)
    well = list(dict.fromkeys(run for run, _ in evaluations if run not in badly))
    return as_options(well, badly, externals)


def as_options(well, badly, externals):
    """Runs as options of `vita table runs`."""
    options = {"--runs": well, "--failed": badly, "--external": externals}
    return [
        word
        for option, runs in options.items()
        for word in each_as_option(option, [run.directory for run in runs])
    ]


def each_as_option(option, values):
    """Words of a command line, as a list, of which `:q` quotes each."""
    return [word for value in values for word in (option, str(value))]


def server_scores():
    """The files of scores from servers. Of the tier in force, one that no table asks for is told of: a slip, maybe."""
    paths = sorted(as_input(path) for path in Path("results/server").glob("*.json"))
    asked = {(run.directory, inference) for run, inference in TABLE.evaluated()}
    for path in paths if workflow.is_main_process else []:
        try:
            score = read_server_score(Path(path))
        except UserError as error:
            refuse(error)
        directory = RUN.format(**score.model_dump())
        if score.tier == TABLE.tier.tier and (directory, score.inference) not in asked:
            logger.warning(
                f"{path}: no table asks for inference variant '{score.inference}' of {directory}"
            )
    return paths


def table_files(experiment):
    """Inputs of what is made of one experiment. experiment: a name, or "{experiment}" for the wildcard."""

    def name(wildcards):
        found = experiment.format(**dict(wildcards.items()))
        evaluations_of(found)  # tells when the tier does not offer it
        return found

    def of(file):
        return (
            lambda wildcards: f"results/tables/{TABLE.tier.tier}/{name(wildcards)}/{file}"
        )

    return {
        "spec": of("spec.yaml"),
        "runs": of("runs.csv"),
        "metrics": lambda wildcards: metrics(TABLE.evaluations(name(wildcards))),
        "external": lambda wildcards: external_files(externals_of(name(wildcards))),
        "sources": sources(*TABLES_AND_FIGURES),
    }


def labels(experiment, format, what=None):
    """Columns of the report's list of tables and figures. what: None for what the experiment's file says."""
    found = TABLE.experiments[experiment]
    what = what or found.label or found.title
    return {"item": found.item, "what": what, "format": format}


def ended_badly():
    """All runs of the tier that stand in the results as failed."""
    trainings = [run for run in TABLE if SHOW_FAILED and failures.training_failed(run)]
    return list(dict.fromkeys([*trainings, *failed_runs(TABLE.evaluated())]))


def print_errors(started):
    """Repeat the errors that jobs wrote into their logs since `started`, below all that Snakemake says of them."""
    for log in sorted(Path("results").rglob("*.log")):
        if log.stat().st_mtime >= started:
            last = (
                log.read_text(encoding="utf-8", errors="replace")
                .strip()
                .rpartition("\n")[2]
            )
            if re.match(r"error: |interrupted |[\w.]*(Error|Exception)\b", last):
                print(f"{log}: {last}", file=sys.stderr)
    if not SHOW_FAILED and any(failures.prediction_failed(run) for run in TABLE):
        print(
            "The same command tries failed runs again, and nothing else. With `--config failed=show` tables are made "
            "in which they stand as failed.",
            file=sys.stderr,
        )


def print_failed():
    """Name the runs that stand in the results as failed."""
    for run in ended_badly():
        print(f"failed: {run.directory}", file=sys.stderr)
