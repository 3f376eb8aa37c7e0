# From runs to tidy rows, and what a table is made of. A table waits for its own runs only. Scores that a server gave,
# results/server/*.json, stand beside them.


localrules:
    all_runs,
    table_runs,
    table_spec,
    table,


rule all_runs:
    """One row for every run and inference variant of the tier in force."""
    input:
        **collected(lambda wildcards: TABLE.evaluated()),
        server=SERVER_SCORES,
        sources=sources("report/runs/*.py"),
    output:
        "results/all_runs.csv",
    log:
        "results/logs/all_runs.log",
    conda:
        ENVIRONMENT
    params:
        runs=run_options(TABLE.evaluated()),
        server=each_as_option("--server", SERVER_SCORES),
    shell:
        "vita table runs {params.runs} {params.server} --out {output} > {log} 2>&1"


rule table_runs:
    """As all_runs, of the runs that one table needs."""
    input:
        **collected(lambda wildcards: evaluations_of(wildcards.experiment)),
        server=SERVER_SCORES,
        sources=sources("report/runs/*.py"),
    output:
        "results/tables/{tier}/{experiment}/runs.csv",
    log:
        "results/tables/{tier}/{experiment}/runs.log",
    conda:
        ENVIRONMENT
    params:
        runs=lambda wildcards: run_options(evaluations_of(wildcards.experiment)),
        server=each_as_option("--server", SERVER_SCORES),
    shell:
        "vita table runs {params.runs} {params.server} --out {output} > {log} 2>&1"


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
        "printf '%s' {params.text:q} > {output} 2> {log}"


rule table:
    """An experiment that is a YAML file and nothing more. The paper's tables are this rule under their own names."""
    input:
        **table_files("{experiment}"),
    output:
        csv="results/{experiment}.csv",
        markdown="results/{experiment}.md",
        latex="results/{experiment}.tex",
        html=report(
            "results/{experiment}.html",
            category="Tables",
            caption="../report/table.rst",
            labels=labels,
        ),
    log:
        "results/logs/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(tables_without_a_rule()),
    conda:
        ENVIRONMENT
    params:
        probes=lambda wildcards, input: each_as_option(
            "--probe", input.get("probes", [])
        ),
    shell:
        "vita table build --spec {input.spec} --runs {input.runs} {params.probes} --out {output.csv} > {log} 2>&1"
