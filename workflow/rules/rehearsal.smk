# A tier at full size for a few steps (--config rehearse=200): memory, speed, losses, and what all of it will cost.


localrules:
    rehearsal,


rule rehearsal:
    """What the rehearsal of a tier showed, in the plan's own table."""
    input:
        trained=[f"{run.directory}/record.json" for run in TABLE],
        predicted=[
            f"{run.directory}/predict_record.json" for run in TABLE if run.prediction
        ],
    output:
        "results/rehearsal.txt",
    log:
        "results/logs/rehearsal.log",
    conda:
        ENVIRONMENT
    params:
        tier=lambda wildcards: tier_file(config),
        library=LIBRARY,
        steps=REHEARSED or 1,
    shell:
        "exec vita plan --tier {params.tier:q} --library {params.library:q} --rehearsed {params.steps:q}"
        " > {output:q} 2> {log:q}"
