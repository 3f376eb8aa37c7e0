"""Tables and figures of the paper VITA from one command: snakemake --cores 4 results/table6.csv

The tier says how large everything is: --config tier=smoke (default), mini, paper, or the path of a tier's YAML file.
Runs that failed are tried again, or stand in the tables as failed: --config failed=retry (default), show.
"""

import time

from snakemake.utils import min_version

min_version("9.5")


include: "workflow/rules/working_folder.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/evaluations.smk"
include: "workflow/rules/damage.smk"


STARTED = time.time()
claim_folder()
prepare_jobs()
put_vita_on_path()
name_clone()
limit_gpus()
REHEARSED = rehearsal_steps(config)
TABLE = run_table(config)
MINUTES = planned_minutes()
SHOW_FAILED = shows_failed(config)
SERVER_SCORES = server_scores()
mend_damage()


wildcard_constraints:
    tier=one_of([TABLE.tier.tier]),
    dataset=one_of(TABLE.datasets),
    method=one_of(run.method for run in TABLE),
    backbone=one_of(run.backbone for run in TABLE),
    variant=one_of(run.variant for run in TABLE),
    seed=one_of(
        [run.seed for run in TABLE] + [one.config.seed for one in TABLE.externals()]
    ),
    inference=one_of(inference for run in TABLE for inference in run.inference),
    experiment=one_of(TABLE.specs),
    external=one_of(Path(one.folder).name for one in TABLE.externals()),


localrules:
    all,
    reported,


rule all:
    """Everything that the tier in force offers, but Table 4, whose measurements take some minutes of their own."""
    default_target: True
    input:
        "results/rehearsal.txt" if REHEARSED else everything(),


rule reported:
    """What is there of it, and Table 4 where it is: the target of `--report`, which tolerates no missing file."""
    input:
        lambda wildcards: what_is_there(),


onstart:
    end_with_jobs()


onsuccess:
    print_failed()


onerror:
    print_errors(STARTED)


report: "workflow/report/workflow.rst"


include: "workflow/rules/data.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/table4.smk"
include: "workflow/rules/figure5.smk"
include: "workflow/rules/figure6.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/pages.smk"
include: "workflow/rules/rehearsal.smk"
