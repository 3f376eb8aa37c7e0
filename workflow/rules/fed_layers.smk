# Layers of the frame decoder that feed VITA in training (rows in workflow/config/experiments/fed_layers.yaml).


localrules:
    fed_layers,


use rule table as fed_layers with:
    """Fed layers (no item of the paper): score by number of frame-decoder layers that feed VITA."""
    input:
        **table_files("fed_layers"),
    output:
        csv="results/fed_layers.csv",
        markdown="results/fed_layers.md",
        latex="results/fed_layers.tex",
        html=report(
            "results/fed_layers.html",
            category="Tables",
            caption="../report/fed_layers.rst",
            labels={
                "item": "beyond the paper",
                "what": "Frame-decoder layers that feed VITA",
                "format": "table",
            },
        ),
    log:
        "results/logs/fed_layers.log",
