# Figure 5 of the paper: convergence and similarity loss (curves in workflow/config/experiments/figure5.yaml).


localrules:
    figure5,


rule figure5:
    """Figure 5: validation AP over iterations."""
    input:
        **table_files("figure5"),
        histories=lambda wildcards: of_runs("history.csv", TABLE.evaluations("figure5")),
    output:
        csv="results/figure5.csv",
        pdf=report(
            "results/figure5.pdf",
            category="Figures",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("figure5", "PDF"),
        ),
        png=report(
            "results/figure5.png",
            category="Figures",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("figure5", "PNG"),
        ),
    log:
        "results/logs/figure5.log",
    conda:
        ENVIRONMENT
    params:
        caption=lambda wildcards: rst(TABLE.experiments["figure5"].caption),
    shell:
        "exec vita figure convergence --spec {input.spec:q} --runs {input.runs:q} --out {output.pdf:q} > {log:q} 2>&1"
