# Embedded data, written to disk in the format of real data.


localrules:
    dataset_config,


rule dataset_config:
    """The embedded data set's definition, resolved."""
    output:
        "results/data/{dataset}/dataset.yaml",
    log:
        "results/data/{dataset}/dataset.log",
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump(TABLE.datasets[wildcards.dataset]),
    shell:
        "printf '%s' {params.text:q} > {output} 2> {log}"


rule data_synth:
    """Embedded videos (the smoke and mini tiers' data)."""
    input:
        "results/data/{dataset}/dataset.yaml",
    output:
        train="results/data/{dataset}/train/instances.json",
        valid="results/data/{dataset}/valid/instances.json",
    log:
        "results/data/{dataset}/synth.log",
    benchmark:
        "results/data/{dataset}/synth.tsv"
    conda:
        ENVIRONMENT
    message:
        "Painting the videos of {wildcards.dataset}"
    shell:
        "vita data synth --dataset {input} > {log} 2>&1"
