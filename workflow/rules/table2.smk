# Table 2 of the paper: YouTube-VIS 2021 and OVIS (rows in workflow/config/experiments/table2.yaml).


localrules:
    table2,


use rule table as table2 with:
    """Table 2: score by method and backbone on YouTube-VIS 2021 and OVIS."""
    input:
        **table_files("table2"),
    output:
        csv="results/table2.csv",
        markdown="results/table2.md",
        latex="results/table2.tex",
        html=report(
            "results/table2.html",
            category="Tables",
            caption="../report/table2.rst",
            labels={
                "item": "Table 2",
                "what": "YouTube-VIS 2021 and OVIS",
                "format": "table",
            },
        ),
    log:
        "results/logs/table2.log",
