"""Tiers of a test's own."""

import pytest
import yaml


@pytest.fixture
def own(tmp_path):
    """A function that writes a tier which extends smoke (or another) by the keys given, and its path."""

    def write(extends="smoke", **changes):
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump({"extends": extends} | changes))
        return path

    return write
