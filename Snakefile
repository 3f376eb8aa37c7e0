"""Tables of the paper VITA from one command: snakemake --cores 4 results/table6.csv

The tier says how large everything is: --config tier=smoke (default), mini, paper, or the path of a tier's YAML file.
"""

import time

from snakemake.utils import min_version

min_version("9.5")


include: "workflow/rules/claim.smk"
include: "workflow/rules/common.smk"


STARTED = time.time()
claim_folder()
put_vita_on_path()
TABLE = run_table(config)
SERVER_SCORES = server_scores()


wildcard_constraints:
    tier=TABLE.tier.tier,
    dataset=one_of(TABLE.datasets),
    method=one_of(run.method for run in TABLE),
    backbone=one_of(run.backbone for run in TABLE),
    variant=one_of(run.variant for run in TABLE),
    seed=one_of(run.seed for run in TABLE),
    inference=one_of(inference for run in TABLE for inference in run.inference),
    experiment=one_of(TABLE.specs),


localrules:
    all,


rule all:
    """Everything that the tier in force offers."""
    default_target: True
    input:
        "results/all_runs.csv",
        expand("results/{experiment}.csv", experiment=TABLE.specs),


onerror:
    print_errors(STARTED)


include: "workflow/rules/data.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/table6.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/methods.smk"
include: "workflow/rules/association.smk"
