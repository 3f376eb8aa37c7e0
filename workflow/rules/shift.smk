# Shifted windows on or off at inference (rows in workflow/config/experiments/shift.yaml).


localrules:
    shift,


use rule table as shift with:
    """Shift (no item of the paper): score with and without shifted windows."""
    input:
        **table_files("shift"),
    output:
        csv="results/shift.csv",
        markdown="results/shift.md",
        latex="results/shift.tex",
        html=report(
            "results/shift.html",
            category="Tables",
            caption="../report/shift.rst",
            labels={
                "item": "beyond the paper",
                "what": "Shifted windows",
                "format": "table",
            },
        ),
    log:
        "results/logs/shift.log",
