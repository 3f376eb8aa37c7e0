"""A campaign finds the faults that were planted, keeps their inputs, and goes on after them."""

import pytest
from campaign import Order, run
from fuzz_inputs import fuzzed
from fuzz_planted import FAULTY, TARGETS
from fuzz_target import used

SEED, INPUTS = 8, 40  # of which one is faulty
FOUND = {
    "crashes": "crash: SIGABRT",
    "hangs": "hang: more than 1 s of one core",
    "hoards": "memory: more than 1024 MiB",
    "differs": "difference: 'so'",
}


@pytest.mark.parametrize(("name", "kind"), [("hides", MemoryError), ("raises", KeyError)])
def test_a_refusal_that_hides_another_fault_is_none(name, kind, tmp_path):
    (tmp_path / "a.bin").write_bytes(FAULTY)
    with pytest.raises(kind):
        used(TARGETS[name], tmp_path / "a.bin")
    (tmp_path / "a.bin").write_bytes(b"another")
    assert not used(TARGETS[name], tmp_path / "a.bin")


@pytest.mark.parametrize("name", FOUND)
def test_a_planted_fault_is_found(name, tmp_path):
    target = TARGETS[name]
    given = [fuzzed(target, target.seeds(tmp_path), SEED, number).content for number in range(INPUTS)]
    order = Order(name, tmp_path / "kept", "fuzz_planted", SEED, inputs=INPUTS, limit_s=1 if name == "hangs" else 10)
    counts = run(order)
    assert counts.outcomes.total() == INPUTS
    (kind,) = counts.failures
    assert kind.startswith(FOUND[name])
    (number,) = (number for number, content in enumerate(given) if content == FAULTY)
    assert counts.failures[kind] == 1
    assert (tmp_path / f"kept/{name}_{SEED}_{number}/a.bin").read_bytes() == FAULTY
    assert f"{INPUTS} inputs" in counts.line(name, SEED)
