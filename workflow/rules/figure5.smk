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
            caption="../report/figure5.rst",
            labels={"item": "Figure 5", "what": "Convergence", "format": "PDF"},
        ),
        png=report(
            "results/figure5.png",
            category="Figures",
            caption="../report/figure5.rst",
            labels={"item": "Figure 5", "what": "Convergence", "format": "PNG"},
        ),
    log:
        "results/logs/figure5.log",
    conda:
        ENVIRONMENT
    shell:
        "vita figure convergence --spec {input.spec} --runs {input.runs} --out {output.pdf} > {log} 2>&1"
