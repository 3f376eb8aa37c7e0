# Table 4 of the paper: maximum number of frames (rows in workflow/config/experiments/table4.yaml).


localrules:
    table4,


use rule table as table4 with:
    """Table 4: frames that fit into memory at once; the paper's numbers until the probe is there."""
    input:
        **table_files("table4"),
    output:
        csv="results/table4.csv",
        markdown="results/table4.md",
        latex="results/table4.tex",
        html=report(
            "results/table4.html",
            category="Tables",
            caption="../report/table4.rst",
            labels={
                "item": "Table 4",
                "what": "Maximum number of frames",
                "format": "table",
            },
        ),
    log:
        "results/logs/table4.log",
