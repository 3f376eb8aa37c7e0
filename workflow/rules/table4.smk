# Table 4 of the paper: maximum number of frames (rows in workflow/config/experiments/table4.yaml). What is measured, and
# on what, the tier says.


PROBES = probe_rows()


localrules:
    probe_case,
    table4,


rule probe_case:
    """What the probes of one row ask (table 4)."""
    output:
        f"{PROBE}.yaml",
    log:
        f"{PROBE}.case.log",
    wildcard_constraints:
        probe=one_of(PROBES),
    conda:
        ENVIRONMENT
    params:
        text=lambda wildcards: dump_cases(
            [probe.case for probe in PROBES[wildcards.probe]]
        ),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule probe:
    """How many frames fit: predicted from shapes, and measured where the tier asks for it (table 4)."""
    input:
        f"{PROBE}.yaml",
    output:
        f"{PROBE}.json",
    log:
        f"{PROBE}.log",
    wildcard_constraints:
        probe=one_of(PROBES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=lambda wildcards: probe_gpus(PROBES[wildcards.probe]),
        mem_mb=needs("probe").mem_mb,
        runtime=needs("probe").runtime,
    params:
        options=lambda wildcards: probe_options(PROBES[wildcards.probe]),
    message:
        "Probing {wildcards.probe}; watch it: tail -f {log}"
    # A measurement without a number is a row with its error: its record is kept.
    shell:
        "vita probe --case {input:q} {params.options:q} --gpus {resources.gpu:q} --out {output:q} > {log:q} 2>&1"
        " || test -s {output:q}"


rule table4:
    """Table 4: frames that fit into memory at once, with a figure of memory over frames."""
    input:
        probes=lambda wildcards: record_files(probes_of("table4")),
        sources=sources(*TABLES_AND_FIGURES),
    output:
        csv="results/table4.csv",
        markdown="results/table4.md",
        latex="results/table4.tex",
        html=report(
            "results/table4.html",
            category="Tables",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("table4", "table"),
        ),
        pdf=report(
            "results/table4_memory.pdf",
            category="Figures",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("table4", "PDF", "Memory over frames"),
        ),
        png=report(
            "results/table4_memory.png",
            category="Figures",
            caption="../report/experiment.rst",
            labels=lambda wildcards: labels("table4", "PNG", "Memory over frames"),
        ),
    log:
        "results/logs/table4.log",
    conda:
        ENVIRONMENT
    params:
        probes=lambda wildcards, input: each_as_option("--probe", input.probes),
        caption=lambda wildcards: rst(TABLE.experiments["table4"].caption),
    # The table last: it is what is asked for, and stands for both.
    shell:
        "vita figure memory {params.probes:q} --out {output.pdf:q} > {log:q} 2>&1 && "
        "exec vita table frames {params.probes:q} --out {output.csv:q} >> {log:q} 2>&1"
