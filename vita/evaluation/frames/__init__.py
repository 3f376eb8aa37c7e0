"""The frame detector alone: AP of single frames."""
