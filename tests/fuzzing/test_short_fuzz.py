"""Every reader on its first few fuzzed inputs; `campaign.py` goes on from there for as long as it is asked to."""

import logging

import pytest
from fuzz_inputs import fuzzed
from fuzz_target import used
from fuzz_targets import TARGETS

INPUTS = 60


@pytest.mark.parametrize("name", TARGETS)
def test_any_file_is_read_as_plainly_or_refused(name, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    target = TARGETS[name]
    seeds = target.seeds(tmp_path)
    for sound in seeds:
        (tmp_path / sound.name).write_bytes(sound.content)
        assert used(target, tmp_path / sound.name), sound
    refused = 0
    for number in range(INPUTS):
        given = fuzzed(target, seeds, 0, number)
        path = tmp_path / given.name
        path.unlink(missing_ok=True)
        path.write_bytes(given.content)
        try:
            refused += not used(target, path)
        except Exception as error:
            error.add_note(f"input {number} of {name}: {given}")
            raise
    assert refused > 0


def test_inputs_depend_on_their_number_alone(tmp_path):
    target = TARGETS["polygons"]
    seeds = target.seeds(tmp_path)
    assert fuzzed(target, seeds, 0, 7) == fuzzed(target, seeds, 0, 7)
    others = {fuzzed(target, seeds, campaign, number).content for campaign in (0, 1) for number in range(20)}
    assert len(others) == 40
