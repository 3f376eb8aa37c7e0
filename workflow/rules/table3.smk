# Table 3 of the paper: window size (rows in workflow/config/experiments/table3.yaml).


localrules:
    table3,


use rule table as table3 with:
    """Table 3: score by number of frames in a window, at inference."""
    input:
        **table_files("table3"),
    output:
        csv="results/table3.csv",
        markdown="results/table3.md",
        latex="results/table3.tex",
        html=report(
            "results/table3.html",
            category="Tables",
            caption="../report/table3.rst",
            labels={"item": "Table 3", "what": "Window size", "format": "table"},
        ),
    log:
        "results/logs/table3.log",
