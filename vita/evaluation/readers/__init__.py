"""Result and annotation files into run-length codes, piece by piece."""
