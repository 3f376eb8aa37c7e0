# All tables of scores, the paper's and others: one rule. An experiment's file, workflow/config/experiments/<name>.yaml, has
# its rows, its place in the report and its caption. Table 4 is not of scores, and has a rule of its own.


localrules:
    table,


rule table:
    """The table results/<name>.csv of the experiment <name>, and the same as .md, .tex and .html."""
    input:
        **table_files("{experiment}"),
        probes=lambda wildcards: probes_beside(wildcards.experiment),
    output:
        csv="results/{experiment}.csv",
        markdown="results/{experiment}.md",
        latex="results/{experiment}.tex",
        html=report(
            "results/{experiment}.html",
            category="Tables",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels(wildcards.experiment, "table"),
        ),
    log:
        "results/logs/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(tables_of_scores()),
    conda:
        ENVIRONMENT
    params:
        probes=lambda wildcards, input: each_as_option("--probe", input.probes),
        caption=lambda wildcards: rst(TABLE.experiments[wildcards.experiment].caption),
    shell:
        "exec vita table build --spec {input.spec:q} --runs {input.runs:q} {params.probes:q} --out {output.csv:q} > {log:q} 2>&1"
