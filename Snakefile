"""Tables and figures of the paper VITA from one command: snakemake --cores 4 results/table6.csv

The workflow itself, and what may stand after --config, are in workflow/, which `vita run` starts from any folder.
"""


include: "workflow/Snakefile"


# An included file's rules are never what a call without targets makes, unless the including file says so.
workflow.default_target = "all"
