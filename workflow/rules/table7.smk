# Table 7 of the paper: frozen frame detector (rows in workflow/config/experiments/table7.yaml).


localrules:
    table7,


use rule table as table7 with:
    """Table 7: score with a frozen frame detector, by backbone."""
    input:
        **table_files("table7"),
    output:
        csv="results/table7.csv",
        markdown="results/table7.md",
        latex="results/table7.tex",
        html=report(
            "results/table7.html",
            category="Tables",
            caption="../report/table7.rst",
            labels={
                "item": "Table 7",
                "what": "Frozen frame detector",
                "format": "table",
            },
        ),
    log:
        "results/logs/table7.log",
