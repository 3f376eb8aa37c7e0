# Figure 6 of the paper: VITA against its own frame detector (the run in workflow/config/experiments/figure6.yaml).


localrules:
    figure6,


rule figure6:
    """Figure 6: frames in a row, of the object that gains most while it is occluded."""
    input:
        **table_files("figure6"),
        predictions=lambda wildcards: of_runs(
            "predictions", TABLE.evaluations("figure6")
        ),
        frames=lambda wildcards: of_runs(
            "frame_detector.json", TABLE.evaluations("figure6")
        ),
        records=lambda wildcards: of_runs("record.json", TABLE.evaluations("figure6")),
        data=lambda wildcards: scored_data(TABLE.evaluations("figure6")),
    output:
        csv="results/figure6/figure6.csv",
        pdf=report(
            "results/figure6/figure6.pdf",
            category="Figures",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("figure6", "PDF"),
        ),
        png=report(
            "results/figure6/figure6.png",
            category="Figures",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("figure6", "PNG"),
        ),
    log:
        "results/logs/figure6.log",
    conda:
        ENVIRONMENT
    params:
        caption=lambda wildcards: rst(TABLE.experiments["figure6"].caption),
    shell:
        "exec vita figure qualitative --spec {input.spec:q} --runs {input.runs:q} --out {output.pdf:q} > {log:q} 2>&1"
