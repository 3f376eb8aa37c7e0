# The ledger: what the paper claims, held against the results in force.


localrules:
    claims,


rule claims:
    """Every quantitative or comparative claim of the paper: reproduced, not reproduced, or why it cannot be told."""
    input:
        tables=expand(
            "results/tables/{tier}/{experiment}/{file}",
            tier=TABLE.tier.tier,
            experiment=TABLE.specs,
            file=["spec.yaml", "runs.csv"],
        ),
        metrics=metrics(TABLE.evaluated()),
        histories=of_runs("history.csv", TABLE.evaluated()),
        models="results/models.csv",
        probes=probe_files(lambda case: True),
        sources=sources(
            *TABLES_AND_FIGURES,
            "report/claims/*.py",
            "report/claims/*.yaml",
        ),
    output:
        csv="results/claims.csv",
        markdown="results/claims.md",
        html=report(
            "results/claims.html",
            category="Claims",
            caption="../report/claims.rst",
            labels={"item": "all", "what": "Claims of the paper", "format": "table"},
        ),
    log:
        "results/logs/claims.log",
    conda:
        ENVIRONMENT
    params:
        tables=each_as_option(
            "--table",
            [f"results/tables/{TABLE.tier.tier}/{name}" for name in TABLE.specs],
        ),
        probes=lambda wildcards, input: each_as_option("--probe", input.probes),
    shell:
        "exec vita claims {params.tables:q} {params.probes:q} --models {input.models:q} --out {output.csv:q} > {log:q} 2>&1"
