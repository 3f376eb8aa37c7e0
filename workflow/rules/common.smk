# What the rules ask of the run table.

import os
import re
import sys
from pathlib import Path

import vita
from snakemake.exceptions import WorkflowError
from vita.core.config_base import dump
from vita.core.contract import UserError
from vita.core.dataset_config import unset_variables, why_unset
from vita.core.plain_text import rst
from vita.core.plugins import INFERENCE_WRAPPERS, METHODS, WATCHERS, check_installed
from vita.core.records import START_WEIGHTS
from vita.core.watcher import NOBODY
from vita.experiments.planning.job_limits import (
    minutes_of_job,
    restarts,
    training_minutes,
)
from vita.experiments.reading import find_tier
from vita.experiments.external import SCORED, read_imports
from vita.experiments.run_table import RunTable
from vita.experiments.config import JobResources
from vita.engine.cards import visible_here

LIBRARY = Path(workflow.current_basedir.path).parent / "config"
PACKAGE = Path(vita.__file__).parent
ENVIRONMENT = "../environment.yaml"
# The code behind tables and figures, and the paper's numbers beside ours.
TABLES_AND_FIGURES = (
    "report/figures/*.py",
    "report/pages/*.py",
    "report/runs/*.py",
    "report/tables/*.py",
    "experiments/published/*.csv",
)
RUN = "results/runs/{tier}/{dataset}/{method}/{backbone}/{variant}/seed{seed}"
EXTERNAL = "results/external/{dataset}/{external}/scores/{tier}/seed{seed}"
PROBE = "results/probes/{tier}/{probe}"


def put_vita_on_path():
    """Rules call the `vita` beside the Python that runs Snakemake, or that in the folder VITA_BIN."""
    folder = os.environ.get("VITA_BIN") or str(Path(sys.executable).parent)
    os.environ.update(
        PATH=os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))
    )


def name_clone():
    """For workflow/environment.yaml, which conda installs from another folder: where the project lies."""
    os.environ.update(VITA_BENCH=str(LIBRARY.resolve().parents[1]))


def limit_gpus():
    """On this machine alone, without a limit of the user's or a profile's: as many jobs with a GPU as there are cards.

    One on a machine without a card, where such jobs run on its cores. A cluster's own scheduler knows its cards.
    """
    here = workflow.is_main_process and workflow.resource_settings.nodes is None
    if here and "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", max(len(visible_here()), 1))


def run_table(config):
    """The runs and tables of `--config tier=`: a name in workflow/config, or a path. Every file is checked here."""
    try:
        table = RunTable(tier_file(config), LIBRARY, REHEARSED, read_imports())
        check_packages(table)
        return table
    except UserError as error:
        refuse(error)


def check_packages(table):
    """Raises UserError when a run needs a method, a way of inference or a watcher that no installed package brings."""
    for name in table.tier.watch:
        check_installed(WATCHERS, name, "watcher", f"tier '{table.tier.tier}': watch")
    for method in dict.fromkeys(run.method for run in table):
        check_installed(METHODS, method, "method", f"tier '{table.tier.tier}'")
    plans = [(run.method, run.prediction.variants) for run in table if run.prediction]
    for method, name, wrapper in dict.fromkeys(
        (method, name, str(options["through"]))
        for method, variants in plans
        for name, options in variants.items()
        if "through" in options
    ):
        where = f"method {method}: inference.{name}.through"
        check_installed(INFERENCE_WRAPPERS, wrapper, "inference wrapper", where)


def rehearsal_steps(config):
    """Steps of every training in a rehearsal; None for the tier itself."""
    steps = config.get("rehearse")
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        refuse(
            f"--config: rehearse is '{steps}'; give the number of steps, such as 200"
        )
    return steps


def tier_file(config):
    unknown = sorted(set(config) - {"tier", "failed", "rehearse"})
    if unknown:
        raise UserError(
            f"--config: unknown key '{unknown[0]}'; allowed: failed, rehearse, tier"
        )
    return find_tier(str(config.get("tier", "smoke")), LIBRARY, "--config")


def shows_failed(config):
    """Whether runs that failed stand in the tables as failed (`failed=show`), or are tried again (`failed=retry`)."""
    choice = config.get("failed", "retry")
    if choice not in ("retry", "show"):
        refuse(f"--config: failed is '{choice}'; allowed: retry (default), show")
    return choice == "show"


def one_of(names):
    """A pattern for exactly these names."""
    return "|".join(sorted({re.escape(str(name)) for name in names})) or "(?!)"


def needs(stage):
    """Memory and time that a scheduler is asked for, by the tier in force."""
    return TABLE.tier.needs.get(stage, JobResources())


def planned_minutes():
    """Of every training, where the tier names its longest job. It takes seconds: jobs of their own do not ask again."""
    if TABLE.tier.longest_job is None or not workflow.is_main_process:
        return {}
    return training_minutes(TABLE, Path())


def training_runtime(run):
    """Minutes that a scheduler is asked for."""
    longest = TABLE.tier.longest_job
    if longest is None:
        return needs("train").runtime
    return minutes_of_job(MINUTES, run.directory, longest)


def training_threads(run):
    """Of all processes that train together."""
    return run.config.train.threads * TABLE.tier.training_processes


def training_restarts():
    """How often a training goes on in another job, after one that met its time limit; None leaves it to the profile.

    Within a job of a scheduler never: its time is over, and who submitted it tries again.
    """
    if not workflow.is_main_process:
        return 0
    longest = TABLE.tier.longest_job
    return None if longest is None else restarts(MINUTES, longest)


def run_of(wildcards):
    return TABLE.find(RUN.format(**dict(wildcards.items())))


def external_of(wildcards):
    directory = EXTERNAL.format(**dict(wildcards.items()))
    return next(one for one in TABLE.externals() if one.directory == directory)


def as_input(path):
    """A file of the user's as an input. Snakemake would put a wildcard's value where braces stand, and has no escape."""
    if "{" in str(path) or "}" in str(path):
        refuse(f"{path}: braces have a meaning to Snakemake; rename it")
    return str(path)


def weights_file(run):
    """The file of others that a run's weights, or its backbone's, come from. Where it is not there, what it is is told."""
    published = run.published
    if not Path(published.file).exists():
        unset = why_unset(published.file)
        reason = f"; {unset}" if unset else ""
        refuse(
            f"weights of {run.method}, {run.backbone}, '{run.variant}': no file {published.file}{reason}. "
            f"It is {published.published}, published at {published.obtain}; put it there, or change `weights` in the tier"
            + also_missing(published.file)
        )
    return as_input(published.file)


def also_missing(found):
    """What else the tier in force names and does not find, so that one look tells all: variables, and files of weights."""
    files = dict.fromkeys(run.published.file for run in TABLE if run.published)
    sets = [run.config.dataset for run in TABLE]
    sets += [
        run.config.pseudo_videos.dataset for run in TABLE if run.config.pseudo_videos
    ]
    places = [*files, *(dataset.root for dataset in sets)]
    unset = {name for place in places for name in unset_variables(place)}
    unset -= {*unset_variables(found)}
    absent = [
        file for file in files if not Path(file).exists() and not unset_variables(file)
    ]
    named = [*sorted(unset), *(file for file in absent if file != found)]
    return (
        f". The tier also names, and does not find: {', '.join(named)}" if named else ""
    )


def sources(*patterns):
    """Files of the package that a cheap rule depends on, so that a change there runs it again."""
    found = {pattern: list(PACKAGE.glob(pattern)) for pattern in patterns}
    nothing = [pattern for pattern, paths in found.items() if not paths]
    if nothing:
        raise WorkflowError(f"no source file matches {nothing[0]} in {PACKAGE}")
    files = sorted({path for paths in found.values() for path in paths})
    here = Path.cwd()
    return [
        as_input(path.relative_to(here) if path.is_relative_to(here) else path)
        for path in files
    ]


def probes_of(experiment):
    """What the probes of one table ask. Raises an error when the tier in force does not name it."""
    if experiment not in TABLE.probes:
        refuse(
            f"the tier '{TABLE.tier.tier}' does not name the experiment '{experiment}'"
        )
    return TABLE.probes[experiment]


def probe_files(wanted):
    """Files with records of those probes that ask the paper's question and are `wanted`; none in a tier without probes."""
    found = [probe for probes in TABLE.probes.values() for probe in probes]
    asked = [probe for probe in found if probe.as_paper and wanted(probe.case)]
    return record_files(asked)


def probes_beside(experiment):
    """Probe files for a table of scores that has columns of frames: of VITA, windows of 6, frames of the usual size."""
    if not TABLE.experiments[experiment].max_frames:
        return []
    return probe_files(
        lambda case: case.method == "vita"
        and case.variant["window"] == 6
        and case.height == 360
    )


def record_files(probes):
    """Each file once, in the order of the probes."""
    names = dict.fromkeys(probe.name for probe in probes)
    return [PROBE.format(tier=TABLE.tier.tier, probe=name) + ".json" for name in names]


def probe_rows():
    """What is probed for Table 4, by row. A job is a row, all its sizes and paths of attention: it takes long to start."""
    rows = {}
    for probe in TABLE.probes.get("table4", []):
        rows.setdefault(probe.name, []).append(probe)
    return rows


def probe_options(probes):
    """Words for `vita probe`, for those of one row: budget, device, how it searches, and the cells that name the records."""
    probe, search = probes[0], probes[0].search
    found = ["--predict"]
    if search is not None:
        found = [
            "--minutes",
            f"{search.minutes:g}",
            "--precision",
            f"{search.precision:g}",
        ]
    labels = each_as_option(
        "--label", [f"{name}={cell}" for name, cell in probe.key.items()]
    )
    return ["--budget", probe.budget, "--device", probe.device, *found, *labels]


def probe_gpus(probes):
    """Probes that only predict need none."""
    return int(probes[0].search is not None and probes[0].device == "cuda")
