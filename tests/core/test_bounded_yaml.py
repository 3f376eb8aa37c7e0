"""YAML that would break a reader: one line, as for any other bad file."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vita.core.bounded_yaml import load_yaml
from vita.core.config_base import read_yaml
from vita.core.contract import UserError

DEEP = 3000
NINE = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
LAUGHS = "\n".join(NINE).replace("*a0", "ha")
THREE = [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 3)}]}}" for n in range(1, 25)]
MERGES = "\n".join(["a0: &a0 {k: 1}", *THREE])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a: " * DEEP + "1" + "}" * DEEP, "more than 100 mappings and lists inside each other"),
        ("[" * DEEP, "more than 100 mappings and lists inside each other"),
        ("\n".join(" " * n + "a:" for n in range(DEEP // 10)), "more than 100 mappings and lists inside each other"),
        ("&a {tier: *a}", r"'\*a' stands inside itself"),
        ("&a [1, {b: [*a]}]", r"'\*a' stands inside itself"),
        ("a: &x\n  b: &y\n    c: *x", r"'\*x' stands inside itself"),
        (LAUGHS, "more than 1000000 values"),
        (MERGES, "more than 1000000 values"),
        ('_BASE_: "\\uD800"', "is no text"),
        ('"\\uDFFF": 1', "is no text"),
        ("a: 2022-13-45", "not valid YAML"),
        ("a: !!bool x", "not of the type of its tag"),
        ("a: !!timestamp x", "not of the type of its tag"),
        ("a: !!int x", "not valid YAML"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("a: " + "1" * 5000, "not valid YAML"),
        ("a: [", "not valid YAML"),
        ("--- 1\n--- 2", "expected a single document"),
        ("a: \x07", "not valid YAML"),
        ("? {a: 1}\n: 2", "unhashable"),
    ],
)
def test_what_would_break_a_reader_is_one_line(tmp_path, text, told):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"^{path}: not valid YAML: .*{told}|^{path}: {told}") as error:
        read_yaml(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_aliases_that_repeat_little_are_as_before():
    text = "a: &x {k: [1, 2]}\nb: *x\nc: {<<: *x, l: 3}"
    assert (
        load_yaml(text) == yaml.safe_load(text) == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": {"k": [1, 2], "l": 3}}
    )


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(TREES)
def test_every_other_tree_is_read_as_before(tree):
    text = yaml.safe_dump(tree, allow_unicode=False)
    assert load_yaml(text) == yaml.safe_load(text) == tree
