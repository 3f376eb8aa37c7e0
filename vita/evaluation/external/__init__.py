"""Results of other code: checked against a data set, and stored with where they come from."""
