# Layers of Object Encoder and Decoder, as released and as the paper's text says (rows in workflow/config/experiments/layers.yaml).


localrules:
    layers,


use rule table as layers with:
    """Layers (no item of the paper): score by layers of Object Encoder and Decoder."""
    input:
        **table_files("layers"),
    output:
        csv="results/layers.csv",
        markdown="results/layers.md",
        latex="results/layers.tex",
        html=report(
            "results/layers.html",
            category="Tables",
            caption="../report/layers.rst",
            labels={
                "item": "beyond the paper",
                "what": "Layers: release against paper",
                "format": "table",
            },
        ),
    log:
        "results/logs/layers.log",
