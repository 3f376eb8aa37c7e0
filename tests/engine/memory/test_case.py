"""Questions as files hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vita.core.contract import UserError
from vita.engine.memory.case import Case, dump_cases, read_cases


def written(folder: Path, content: object) -> Path:
    file = folder / "case.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_one_question_or_many(tmp_path: Path) -> None:
    one, other = {"method": "vita", "variant": {"window": 6}}, {"method": "ifc", "attention": "fused"}
    assert read_cases(written(tmp_path, one)) == [Case(method="vita", variant={"window": 6})]
    assert [case.method for case in read_cases(written(tmp_path, [other, one]))] == ["ifc", "vita"]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    cases = [Case(method="vita", options={"window": 3}, variant={"prune_ratio": 0.5}), Case(method="vistr", height=64)]
    file = tmp_path / "cases.yaml"
    file.write_text(dump_cases(cases))
    assert read_cases(file) == cases


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "case.yaml: an empty list; write at least one case"),
        ([{"method": "vita"}, {"method": "ifc", "hight": 64}], "case.yaml: case 2: unknown key 'hight'; allowed"),
        (["vita"], "case.yaml: case 1: expected a mapping of keys, found str"),
        ({"method": "vita", "attention": "flash"}, "case.yaml: key 'attention': .*materialised"),
    ],
)
def test_a_bad_question_is_named(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_cases(written(tmp_path, content))
