# Parameters and work of every method, in the released sizes; no data and no weights are needed.


rule models:
    """Of section 4.4, the share of parameters that VITA adds."""
    input:
        sources=sources("official/model_card.py", "engine/counting.py", "model/*.py"),
    output:
        csv="results/models.csv",
        markdown="results/models.md",
    log:
        "results/logs/models.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=10,
    shell:
        "exec vita models --out {output.csv:q} > {log:q} 2>&1"
