"""Lists in files: beside a list in memory under the same operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vita.model.streaming import disk_list as spool
from vita.model.streaming.disk_list import DiskList


def spooled(path: Path) -> DiskList[Any]:
    return DiskList(path, lambda value: value, lambda item: item)


operations = st.lists(
    st.one_of(
        st.lists(st.text(max_size=5), max_size=6),
        st.integers(0, 20),  # truncate to so many
        st.just("reopen"),
    )
)


@given(operations)
def test_as_a_list_in_memory(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    path = tmp_path_factory.mktemp("spool") / "list.jsonl"
    ours, expected = spooled(path), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "LINES_A_MARK", 3)
        for step in steps:
            if isinstance(step, list):
                ours.extend(step)
                expected += step
            elif isinstance(step, int):
                ours.truncate(step)
                del expected[step:]
            else:
                ours.flush()
                ours = spooled(path)
            assert len(ours) == len(expected) and list(ours) == expected
        for place in range(-len(expected), len(expected)):
            assert ours[place] == expected[place]
        assert ours[1:4] == expected[1:4]
        with pytest.raises(IndexError):
            ours[len(expected)]


def test_two_readers_take_turns(tmp_path: Path) -> None:
    ours = spooled(tmp_path / "list.jsonl")
    ours.extend(range(1000))
    first, second = iter(ours), iter(ours)
    assert [next(first) + next(second) for _ in range(1000)] == list(range(0, 2000, 2))


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('"one"\n"two"\n"thr')
    ours = spooled(path)
    assert list(ours) == ["one", "two"]
    ours.extend(["three"])
    ours.flush()
    assert path.read_text() == '"one"\n"two"\n"three"\n'


def test_items_that_json_does_not_know(tmp_path: Path) -> None:
    ours = DiskList(tmp_path / "list.jsonl", Path, str)
    ours.extend([Path("a"), Path("b")])
    assert list(ours) == [Path("a"), Path("b")]
    (tmp_path / "list.jsonl").unlink()  # what is open can be read
    assert ours[1] == Path("b")
