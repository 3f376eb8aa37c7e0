"""Loss curves from histories."""

from pathlib import Path

import pytest

from vita.core.contract import UserError
from vita.report.figures.curves import draw_losses

HISTORY = "step,seconds,learning_rate,total\n20,1.0,0.001,{0}\n40,2.0,0.001,{1}\n"


@pytest.fixture
def histories(tmp_path: Path) -> list[Path]:
    paths = []
    for method, seed, values in (("vita", 0, (8, 4)), ("vita", 1, (9, 3)), ("ifc", 0, (5, 2))):
        path = tmp_path / "runs" / method / "tiny" / "base" / f"seed{seed}" / "history.csv"
        path.parent.mkdir(parents=True)
        path.write_text(HISTORY.format(*values))
        paths.append(path)
    return paths


def test_a_panel_a_method_and_a_line_a_seed(
    histories: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, list[tuple[str, list[int], list[int]]]]] = []

    def note(axes: object, title: str, runs: list) -> None:
        drawn.append((title, [(seed, list(h["step"]), list(h["total"])) for seed, h in runs]))

    with monkeypatch.context() as patch:
        patch.setattr("vita.report.figures.curves._draw_panel", note)
        draw_losses(histories, tmp_path / "losses.pdf")
    steps = [20, 40]
    assert drawn == [
        ("vita, base", [("seed0", steps, [8, 4]), ("seed1", steps, [9, 3])]),
        ("ifc, base", [("seed0", steps, [5, 2])]),
    ]


def test_vector_and_pixels(histories: list[Path], tmp_path: Path) -> None:
    draw_losses(histories, tmp_path / "losses.png")
    assert (tmp_path / "losses.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("content", "message"), [("a,b\n1,2\n", "no columns 'step' and 'total'"), ("", "readable history")]
)
def test_what_is_no_history_is_named(histories: list[Path], tmp_path: Path, content: str, message: str) -> None:
    histories[1].write_text(content)
    with pytest.raises(UserError, match=message):
        draw_losses(histories, tmp_path / "losses.pdf")
    assert not (tmp_path / "losses.pdf").exists()


def test_a_missing_history_is_named(histories: list[Path], tmp_path: Path) -> None:
    histories[0].unlink()
    with pytest.raises(UserError, match=r"seed0/history\.csv: no such file; `vita train` writes it"):
        draw_losses(histories, tmp_path / "losses.pdf")
