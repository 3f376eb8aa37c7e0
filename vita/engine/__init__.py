"""Training, prediction, memory trials and their records; knows no method by name."""
