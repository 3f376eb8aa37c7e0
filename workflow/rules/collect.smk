# From runs to tidy rows, and what a table is made of. A table waits for its own runs only. Scores that a server gave,
# results/server/*.json, stand beside them.


localrules:
    all_runs,
    table_runs,
    table_spec,


rule all_runs:
    """One row for every run and inference variant of the tier in force."""
    input:
        **collected(
            lambda wildcards: TABLE.evaluated(), lambda wildcards: TABLE.externals()
        ),
        server=lambda wildcards: SERVER_SCORES,
        sources=sources("report/runs/*.py"),
    output:
        "results/all_runs.csv",
    log:
        "results/logs/all_runs.log",
    conda:
        ENVIRONMENT
    params:
        runs=run_options(TABLE.evaluated(), TABLE.externals()),
        server=lambda wildcards: each_as_option("--server", SERVER_SCORES),
    shell:
        "exec vita table runs {params.runs:q} {params.server:q} --out {output:q} > {log:q} 2>&1"


rule table_runs:
    """As all_runs, of the runs that one table needs."""
    input:
        **collected(
            lambda wildcards: evaluations_of(wildcards.experiment),
            lambda wildcards: externals_of(wildcards.experiment),
        ),
        server=lambda wildcards: SERVER_SCORES,
        sources=sources("report/runs/*.py"),
    output:
        "results/tables/{tier}/{experiment}/runs.csv",
    log:
        "results/tables/{tier}/{experiment}/runs.log",
    conda:
        ENVIRONMENT
    params:
        runs=lambda wildcards: run_options(
            evaluations_of(wildcards.experiment), externals_of(wildcards.experiment)
        ),
        server=lambda wildcards: each_as_option("--server", SERVER_SCORES),
    shell:
        "exec vita table runs {params.runs:q} {params.server:q} --out {output:q} > {log:q} 2>&1"


rule table_spec:
    """A table's rows, resolved in the tier in force."""
    output:
        "results/tables/{tier}/{experiment}/spec.yaml",
    log:
        "results/tables/{tier}/{experiment}/spec.log",
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump(TABLE.specs[wildcards.experiment]),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"
