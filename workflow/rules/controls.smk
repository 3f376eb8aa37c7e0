# Controls for Table 6: the same weights with their object tokens spoiled (rows in workflow/config/experiments/controls.yaml).


localrules:
    controls,


rule controls:
    """Controls (no item of the paper): score with spoiled object tokens."""
    input:
        **table_files("controls"),
        sources=sources("report/*.py", "report/published/*.csv"),
    output:
        csv=report(
            "results/controls.csv", category="Tables", caption="../report/controls.rst"
        ),
        markdown="results/controls.md",
        latex="results/controls.tex",
    log:
        "results/logs/controls.log",
    conda:
        ENVIRONMENT
    shell:
        "vita table build --spec {input.spec} --runs {input.runs} --out {output.csv} > {log} 2>&1"
