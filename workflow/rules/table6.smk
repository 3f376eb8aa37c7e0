# Table 6 of the paper: token pruning (rows in workflow/config/experiments/table6.yaml).


localrules:
    table6,


use rule table as table6 with:
    """Table 6: score by share of frame queries kept."""
    input:
        **table_files("table6"),
        # How many frames fit: of the released model, with windows of 6 on frames of the usual size.
        probes=probe_files(
            lambda case: case.method == "vita"
            and case.variant["window"] == 6
            and case.height == 360
        ),
    output:
        csv="results/table6.csv",
        markdown="results/table6.md",
        latex="results/table6.tex",
        html=report(
            "results/table6.html",
            category="Tables",
            caption="../report/table6.rst",
            labels={"item": "Table 6", "what": "Token pruning", "format": "table"},
        ),
    log:
        "results/logs/table6.log",
