# Table 1 of the paper: YouTube-VIS 2019 (rows in workflow/config/experiments/table1.yaml).


localrules:
    table1,


use rule table as table1 with:
    """Table 1: score by method and backbone on YouTube-VIS 2019."""
    input:
        **table_files("table1"),
    output:
        csv="results/table1.csv",
        markdown="results/table1.md",
        latex="results/table1.tex",
        html=report(
            "results/table1.html",
            category="Tables",
            caption="../report/table1.rst",
            labels={"item": "Table 1", "what": "YouTube-VIS 2019", "format": "table"},
        ),
    log:
        "results/logs/table1.log",
