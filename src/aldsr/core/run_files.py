"""Names of the files in a run's folder."""

CONFIG = "config.yaml"
RESULTS = "results.json"  # written last: a run that has it is done
TABLES = ("results.csv", "table.md", "table.tex")  # of the results
LOG = "log.csv"
WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoints/last.ckpt"
PROGRESS = "progress.json"
FAILURE = "failure.txt"  # the traceback of a run that failed
REFUSAL = "refused.txt"  # why a job of a sweep was not started
LOCK = ".lock"
ARCHIVED = "-archived-"  # in the name of a folder that was moved aside
LEFT_OUT = "left_out.txt"  # names of training images smaller than a patch
