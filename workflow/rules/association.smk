# Heuristic clip association around each method (rows in workflow/config/experiments/association.yaml).


localrules:
    association,


rule association:
    """Section 4.4: clips joined by mask IoU, for all methods."""
    input:
        **table_files("association"),
        sources=sources("report/*.py", "report/published/*.csv"),
    output:
        csv=report(
            "results/association.csv",
            category="Tables",
            caption="../report/association.rst",
        ),
        markdown="results/association.md",
        latex="results/association.tex",
    log:
        "results/logs/association.log",
    conda:
        ENVIRONMENT
    shell:
        "vita table build --spec {input.spec} --runs {input.runs} --out {output.csv} > {log} 2>&1"
