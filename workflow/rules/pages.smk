# Pages of the report beside tables and figures: what ran, on what, and what it cost.


localrules:
    pages,


rule pages:
    """Records of all runs, their environment and their cost."""
    input:
        records=[
            f"{run.directory}/record.json"
            for run in TABLE
            if not (SHOW_FAILED and failures.training_failed(run))
        ],
        predictions=of_runs("predict_record.json", TABLE.evaluated()),
        metrics=metrics(TABLE.evaluated()),
        external=external_files(TABLE.externals()),
        failed=traces(ended_badly()),
        sources=sources("report/pages/*.py", "report/runs/*.py"),
    output:
        runs=report(
            "results/report/runs.html",
            category="Runs",
            caption="../report/runs.rst",
            labels={"item": "all", "what": "Records of all runs", "format": "table"},
        ),
        environment=report(
            "results/report/environment.html",
            category="Runs",
            caption="../report/environment.rst",
            labels={"item": "all", "what": "Environment", "format": "table"},
        ),
        cost=report(
            "results/report/cost.html",
            category="Runs",
            caption="../report/cost.rst",
            labels={"item": "all", "what": "Cost", "format": "table"},
        ),
    log:
        "results/logs/pages.log",
    conda:
        ENVIRONMENT
    params:
        runs=page_options(),
    shell:
        "vita table pages {params.runs:q} --out {output.runs:q} > {log:q} 2>&1"
