"""Tables: their statistics, and their forms."""
