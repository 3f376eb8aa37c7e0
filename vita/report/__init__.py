"""Tables and figures; imports no torch."""
