# External results, results/external/<data set>/<name>/, which `vita import` wrote: scored as predictions of ours are.


localrules:
    external_config,


rule external_config:
    """What one seed of an external result is scored on in the tier in force."""
    output:
        f"{EXTERNAL}/external.yaml",
    log:
        f"{EXTERNAL}/logs/config.log",
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump(external_of(wildcards).config),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule evaluate_external:
    """Scores of one seed of an external result (Tables 1 and 2, and those that select it)."""
    input:
        predictions="results/external/{dataset}/{external}/predictions/seed{seed}.json",
        record="results/external/{dataset}/{external}/import.json",
        truth=lambda wildcards: annotations(
            external_of(wildcards).config.dataset, "valid"
        ),
        videos=lambda wildcards: local_split(external_of(wildcards).config.dataset),
        long=lambda wildcards: long_videos(external_of(wildcards), SCORED),
        sources=sources("evaluation/**/*.py", "data/masks/*.py"),
    output:
        f"{EXTERNAL}/metrics/{SCORED}.json",
    log:
        f"{EXTERNAL}/logs/evaluate.log",
    benchmark:
        f"{EXTERNAL}/logs/evaluate.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        chosen=lambda wildcards: scored_videos(external_of(wildcards).config.dataset),
        further=lambda wildcards: further_options(external_of(wildcards), SCORED),
    message:
        "Scoring the external result {wildcards.external}, seed {wildcards.seed}, on {wildcards.dataset}"
    shell:
        "exec vita evaluate --gt {input.truth:q} --pred {input.predictions:q} --imported {input.record:q}"
        " --out {output:q} {params.chosen:q} {params.further:q} > {log:q} 2>&1"
