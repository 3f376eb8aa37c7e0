# Controls for Table 6: the same weights with their object tokens spoiled (rows in workflow/config/experiments/controls.yaml).


localrules:
    controls,


use rule table as controls with:
    """Controls (no item of the paper): score with spoiled object tokens."""
    input:
        **table_files("controls"),
    output:
        csv="results/controls.csv",
        markdown="results/controls.md",
        latex="results/controls.tex",
        html=report(
            "results/controls.html",
            category="Tables",
            caption="../report/controls.rst",
            labels={"item": "beyond the paper", "what": "Controls", "format": "table"},
        ),
    log:
        "results/logs/controls.log",
