"""What may be a name."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from vita.core.config_base import Frozen, parse
from vita.core.contract import UserError
from vita.core.names import NAME_PATTERN, RULE, Name, is_name

NAMES = TypeAdapter(Name)


class Section(Frozen):
    """Names as a value, in a list, and as keys."""

    one: Name | None = None
    several: tuple[Name, ...] = ()
    by_name: dict[Name, dict[Name, int]] = Field({})


@pytest.mark.parametrize("text", ["vita", "R50", "swin-l", "v1.1", "2x", "_", "YouTube-VIS_2019", "a..b", "x" * 100])
def test_names(text):
    assert is_name(text)
    assert NAMES.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "..",
            ".x",
            "../x",
            "a/b",
            "a\\b",
            "C:x",
            "~",
            "-rf",
            "a b",
            "a\n",
            "\na",
            "a\0",
            "\ud800",
            "\u202ex",
        ),
        *("$(x)", "`x`", "a;b", "a&b", "a|b", "a'b", "a{b}", "a*", "#", "=x", "%s", "a:b", "a,b", "ü", "٣", "x" * 101),
    ],
)
def test_no_names(text):
    assert not is_name(text)
    with pytest.raises(ValidationError, match=re.escape(RULE)):
        NAMES.validate_python(text)


@given(st.text(max_size=12))
def test_a_name_is_one_part_of_a_path_and_one_word_and_schemas_say_so(text):
    assert is_name(text) == (re.search(NAME_PATTERN.replace("$", r"\Z"), text) is not None)
    if is_name(text):
        assert text.isascii() and text not in (".", "..") and not set(text) & set("/\\ \n'\"$`;&|<>(){}*?[]#~=%:,")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"one": "../x"}, "one"),
        ({"several": ["a", "../x"]}, "several.1"),
        ({"by_name": {"../x": {}}}, "by_name"),
        ({"by_name": {"a": {"../x": 1}}}, "by_name.a"),
    ],
)
def test_an_error_names_the_place_and_what_was_found(content, place):
    with pytest.raises(UserError) as told:
        parse(Section, content, "f.yaml")
    assert str(told.value) == f"f.yaml: key '{place}': {RULE} (found '../x')"


def test_schemas_have_the_pattern():
    schema = json.dumps(Section.model_json_schema())
    assert schema.count(json.dumps(NAME_PATTERN)) == 4  # a value, a list, two mappings
