"""Tables, figures, claims and pages, made of tidy rows; imports no torch."""
