# VITA, Mask2Former-VIS and IFC side by side (rows in workflow/config/experiments/methods.yaml).


localrules:
    methods,


rule methods:
    """Of Tables 1 and 2: the methods that are trained here."""
    input:
        **table_files("methods"),
        sources=sources("report/*.py", "report/published/*.csv"),
    output:
        csv=report(
            "results/methods.csv", category="Tables", caption="../report/methods.rst"
        ),
        markdown="results/methods.md",
        latex="results/methods.tex",
    log:
        "results/logs/methods.log",
    conda:
        ENVIRONMENT
    shell:
        "vita table build --spec {input.spec} --runs {input.runs} --out {output.csv} > {log} 2>&1"
