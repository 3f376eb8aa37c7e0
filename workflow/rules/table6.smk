# Table 6 of the paper: token pruning (rows and variants in workflow/config/experiments/table6.yaml).


localrules:
    table6,


rule table6:
    """Table 6: score by share of frame queries kept."""
    input:
        **table_files("table6"),
        sources=sources("report/*.py", "report/published/*.csv"),
    output:
        csv=report(
            "results/table6.csv", category="Tables", caption="../report/table6.rst"
        ),
        markdown="results/table6.md",
        latex="results/table6.tex",
    log:
        "results/logs/table6.log",
    conda:
        ENVIRONMENT
    shell:
        "vita table build --spec {input.spec} --runs {input.runs} --out {output.csv} > {log} 2>&1"
