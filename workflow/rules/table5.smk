# Table 5 of the paper: clip association (rows in workflow/config/experiments/table5.yaml).


localrules:
    table5,


use rule table as table5 with:
    """Table 5: score of clips joined by mask IoU, against the whole video at once."""
    input:
        **table_files("table5"),
    output:
        csv="results/table5.csv",
        markdown="results/table5.md",
        latex="results/table5.tex",
        html=report(
            "results/table5.html",
            category="Tables",
            caption="../report/table5.rst",
            labels={"item": "Table 5", "what": "Clip association", "format": "table"},
        ),
    log:
        "results/logs/table5.log",
