# Embedded data, written to disk in the format of real data; the part of `train` that is scored where labels are hidden.


localrules:
    dataset_config,


rule dataset_config:
    """The data set's definition, resolved."""
    output:
        "results/data/{dataset}/dataset.yaml",
    log:
        "results/data/{dataset}/dataset.log",
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump(
            TABLE.datasets[wildcards.dataset].without_description()
        ),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


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
    resources:
        mem_mb=4000,
        runtime=60,
    message:
        "Painting the videos of {wildcards.dataset}"
    shell:
        "exec vita data synth --dataset {input:q} > {log:q} 2>&1"


rule data_split:
    """Videos of `train` to be scored on, every category in its share (all tables of data whose labels are hidden)."""
    input:
        config="results/data/{dataset}/dataset.yaml",
        labels=lambda wildcards: annotations(TABLE.datasets[wildcards.dataset], "train"),
    output:
        "results/data/{dataset}/local_split.json",
    log:
        "results/data/{dataset}/split.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=15,
    shell:
        "exec vita data split --dataset {input.config:q} --out {output:q} > {log:q} 2>&1"
