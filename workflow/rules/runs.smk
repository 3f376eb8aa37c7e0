# One training run: its configuration, training, predictions and scores. RUN is its folder.


localrules:
    run_config,
    inference_config,


rule run_config:
    """Everything that changes this run's training, resolved (all tables)."""
    output:
        f"{RUN}/config.yaml",
    log:
        f"{RUN}/logs/config.log",
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump(run_of(wildcards).config),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule inference_config:
    """The inference variants asked of this run's weights, by all tables of the tier."""
    output:
        f"{RUN}/inference.yaml",
    log:
        f"{RUN}/logs/inference.log",
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump(run_of(wildcards).prediction),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule convert_weights:
    """Weights of others in the place of a training, under our names and with their origin (all tables)."""
    input:
        config="{run}/config.yaml",
        file=lambda wildcards: weights_file(TABLE.find(wildcards.run)),
    output:
        weights="{run}/model.safetensors",
        record="{run}/record.json",
    log:
        "{run}/logs/convert.log",
    wildcard_constraints:
        run=one_of(run.directory for run in TABLE if not run.is_trained),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=30,
    message:
        "Converting {input.file}"
    shell:
        "exec vita convert run --config {input.config:q} > {log:q} 2>&1"


rule convert_backbone:
    """A backbone of others, under our names and with its origin, that a training starts from (all tables)."""
    input:
        config="{run}/config.yaml",
        file=lambda wildcards: weights_file(TABLE.find(wildcards.run)),
    output:
        weights=f"{{run}}/{START_WEIGHTS}",
        record="{run}/start_record.json",
    log:
        "{run}/logs/convert.log",
    wildcard_constraints:
        run=one_of(
            run.directory for run in TABLE if run.is_trained and run.config.weights
        ),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=30,
    message:
        "Converting {input.file}"
    shell:
        "exec vita convert run --config {input.config:q} > {log:q} 2>&1"


rule train:
    """Train one run; when it was cut off, it goes on from its last checkpoint in work/ (all tables)."""
    input:
        config="{run}/config.yaml",
        start=lambda wildcards: TABLE.find(wildcards.run).config.start_from or [],
        data=lambda wildcards: training_data(TABLE.find(wildcards.run).config),
    output:
        weights="{run}/model.safetensors",
        history="{run}/history.csv",
        record="{run}/record.json",
    log:
        "{run}/logs/train.log",
    benchmark:
        "{run}/logs/train.tsv"
    # Weights that come from a file have no other way of being made.
    wildcard_constraints:
        run=one_of(run.directory for run in TABLE if run.is_trained),
    # The longest jobs come first: what follows from them is short and fills all cores to the end.
    priority: 1
    # In the place of the profile's: a training that takes longer than one job goes on from its last checkpoint.
    retries: training_restarts()
    conda:
        ENVIRONMENT
    threads: lambda wildcards: training_threads(TABLE.find(wildcards.run))
    resources:
        gpu=TABLE.tier.gpus,
        # No parameter: trained by more or fewer, a run is the same run, and nothing is done anew.
        processes=TABLE.tier.training_processes,
        # Nor one: who watches a training changes nothing of it.
        watchers=",".join(TABLE.tier.watch) or NOBODY,
        mem_mb=needs("train").mem_mb,
        runtime=lambda wildcards: training_runtime(TABLE.find(wildcards.run)),
        # SLURM then warns the trainer two to three minutes before its time limit, of which it kills 30 seconds after.
        slurm_extra="--signal=USR1@120",
    message:
        "Training {wildcards.run}; watch it: tail -f {log}"
    # exec, as everywhere: a shell between Snakemake and the command could be killed alone, and the command would write on.
    # The trainer's parent is then Snakemake itself, with whom it dies.
    shell:
        "exec vita train --config {input.config:q} --gpus {resources.gpu:q} --processes {resources.processes:q}"
        " --watch {resources.watchers:q} --die-with-parent > {log:q} 2>&1"


rule predict:
    """All inference variants of one run from one pass of its detector (all tables)."""
    input:
        config=f"{RUN}/config.yaml",
        plan=f"{RUN}/inference.yaml",
        weights=f"{RUN}/model.safetensors",
        data=lambda wildcards: annotations(run_of(wildcards).config.dataset, "valid"),
        videos=lambda wildcards: local_split(run_of(wildcards).config.dataset),
    output:
        predictions=directory(f"{RUN}/predictions"),
        frames=f"{RUN}/frame_detector.json",
        record=f"{RUN}/predict_record.json",
    log:
        f"{RUN}/logs/predict.log",
    benchmark:
        f"{RUN}/logs/predict.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: run_of(wildcards).prediction.threads
    resources:
        gpu=min(TABLE.tier.gpus, 1),
        mem_mb=needs("predict").mem_mb,
        runtime=needs("predict").runtime,
    message:
        "Predicting with {wildcards.variant}, seed {wildcards.seed}, on {wildcards.dataset}; watch it: tail -f {log}"
    shell:
        "exec vita predict --config {input.config:q} --plan {input.plan:q} --weights {input.weights:q}"
        " --out {output.predictions:q} --gpus {resources.gpu:q} > {log:q} 2>&1"


rule evaluate:
    """Scores of one inference variant (all tables)."""
    input:
        predictions=f"{RUN}/predictions",
        record=f"{RUN}/predict_record.json",
        truth=lambda wildcards: annotations(run_of(wildcards).config.dataset, "valid"),
        videos=lambda wildcards: local_split(run_of(wildcards).config.dataset),
        long=lambda wildcards: long_videos(run_of(wildcards), wildcards.inference),
        sources=sources("evaluation/**/*.py", "data/masks/*.py"),
    output:
        f"{RUN}/metrics/{{inference}}.json",
    log:
        f"{RUN}/logs/evaluate_{{inference}}.log",
    benchmark:
        f"{RUN}/logs/evaluate_{{inference}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        chosen=lambda wildcards: scored_videos(run_of(wildcards).config.dataset),
        further=lambda wildcards: further_options(
            run_of(wildcards), wildcards.inference
        ),
    shell:
        "exec vita evaluate --gt {input.truth:q} --pred {input.predictions:q}/{wildcards.inference:q}.json"
        " --out {output:q} {params.chosen:q} {params.further:q} > {log:q} 2>&1"
