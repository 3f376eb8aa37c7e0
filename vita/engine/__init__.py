"""Training, prediction and their records; knows no method by name."""
