"""The page of results: what it shows of what is there, and where its numbers lead."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from page_scenes import Results
from table_scenes import row, spec
from tiny_run import vita

from vita.core.contract import UserError
from vita.core.records import write_record  # noqa: F401

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Ids, links, pictures and sources of a page; checks that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.outside: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src"):
                (self.links if str(value).startswith("#") else self.outside).append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def lines_of(text: str, place: str) -> list[list[str]]:
    """Rows of the first table of a section: HTML of the cells."""
    (part,) = re.findall(rf'<section id="{place}">(.*?)</table>', text, re.DOTALL)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.DOTALL)
    return [re.findall(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", line) for line in rows]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.chdir(tmp_path)
    return Results(tmp_path)


def test_the_page_stands_by_itself_and_every_link_has_a_place(results: Results) -> None:
    results.pruning()
    text, problems = results.page()
    page = Page(text)
    assert problems == []
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert all(source.startswith("data:") for source in page.outside)
    assert "@import" not in text and "url(" not in text


def test_numbers_lead_to_their_runs(results: Results) -> None:
    results.pruning()
    text, _ = results.page()
    header, whole, half, broken = lines_of(text, "item-table6")
    assert header[:3] == ["ratio", "runs", "source"]
    for line in (whole, half):
        assert line[1] == ", ".join(f'<a href="#run-smoke-shapes-vita-tiny-base-seed{n}">{n}</a>' for n in (0, 1))
        ap = line[header.index("AP")]
        assert ap.startswith('<a href="#training-smoke-shapes-vita-tiny-base">50.5 ± 0.0 (2)')
    assert broken[1] == '<a href="#run-smoke-shapes-vita-tiny-broken-seed0">0 failed</a>'
    assert [line[0] for line in (whole, half, broken)] == ["1.0", "0.5", "0.25"]  # what names a row leads nowhere


def test_a_row_of_which_one_seed_failed_says_which(results: Results) -> None:
    lines = [results.scored("intact", 0), results.failed(1, "UserError: nan")]
    results.table(lines, spec(row({"ratio": 1.0})))
    text, _ = results.page()
    _, line = lines_of(text, "item-table6")
    assert re.sub(r"</?a\b[^>]*>", "", line[1]) == "0, 1 failed"
    assert '<tr class="partly">' in text


def test_what_a_run_has_stands_at_its_place(results: Results) -> None:
    results.pruning()
    text, _ = results.page()
    (card,) = re.findall(r'<article id="run-smoke-shapes-vita-tiny-base-seed1">(.*?)</article>', text, re.DOTALL)
    assert "seed1: finished" in card
    assert re.search(r'<td class="short">prune50</td><td[^>]*>50\.5</td>', card)
    assert "loss: 9.5 at step 1 to 7.0 at step 4" in card
    assert "AP of the validation while training: 10.0 at step 2 to 20.0 at step 4" in card
    # AP 10 of 20 after 2 of 4 steps: the middle of the drawing; it ends in the upper corner on the right.
    assert 'points="300.0,0.0 150.0,50.0"' in card
    for name, value in (
        ("seed", "1"),
        ("training: time", "90.0 s"),
        ("training: steps", "4"),
        ("prediction: frames", "10"),
    ):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in card
    assert "python 3.11.7, torch 2.13.0" in card and f"<dd>{'f' * 64}</dd>" in card
    assert "iterations: 4" in card  # of its configuration


def test_failed_runs_look_and_say_so(results: Results) -> None:
    results.pruning()
    text, _ = results.page()
    assert '<tr class="failed"><td class="number" data-value="0.25">' in text
    (card,) = re.findall(r'<article id="[^"]*broken-seed0" class="failed">(.*?)</article>', text, re.DOTALL)
    assert "seed0: failed" in card and "UserError: &lt;nan&gt; | loss" in card
    assert "1 of 3 rows have trainings that failed." in text
    assert "2 of 3 runs finished." in text


def test_what_it_means_follows_from_the_cells(results: Results) -> None:
    lines = [results.scored("intact", seed, [True] * 40) for seed in (0, 1, 2)]
    lines += [results.scored("worse", seed, [True] * 8 + [False] * 32) for seed in (0, 1, 2)]
    rows = [row({"ratio": 1.0}, seeds=(0, 1, 2)), row({"ratio": 0.5}, "worse", seeds=(0, 1, 2))]
    results.table(lines, spec(*rows, reference={"ratio": 1.0}))
    text, _ = results.page()
    # All forty objects, and eight of them: recall levels 0 to 0.2 are 21 of 101.
    assert "AP is highest for ratio 1.0 with 100.0, and lowest for ratio 0.5 with 20.8." in text
    assert "ratio 0.5 scores lower than the row with ratio 1.0, by 79.2 points." in text
    assert "may not be claimed" not in text
    assert '<p class="badge">not comparable with the paper</p>' in text


def test_what_may_not_be_claimed_is_not(results: Results) -> None:
    results.pruning()
    text, _ = results.page()
    assert "Of 1 differences from the row with ratio 1.0, 1 may not be claimed: 1 inside the noise." in text
    assert "scores higher" not in text and "scores lower" not in text


def test_a_table_alone_is_enough(results: Results) -> None:
    path = results.pruning()
    (results.root.parent / "alone").mkdir()
    path.rename("alone/table6.csv")
    ended = vita("report", "--results", "alone", "--out", "page.html")
    assert (ended.code, ended.out, ended.errors) == (0, "page.html\n", "")
    text = Path("page.html").read_text()
    Page(text)
    assert "From table6.csv alone" in text and ">50.5<" in text
    assert "<h2>Runs</h2>" not in text


def test_nothing_at_all_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    ended = vita("report", "--results", tmp_path / "results", "--out", tmp_path / "page.html")
    assert ended.code == 2 and "there is nothing to report yet; make a table first" in ended.errors
    assert not (tmp_path / "page.html").exists()


def test_what_is_damaged_is_named_and_the_rest_is_shown(results: Results) -> None:
    results.pruning()
    damaged = results.root / "runs/smoke/shapes/vita/tiny/base/seed0/record.json"
    damaged.write_text("{}")
    text, problems = results.page()
    assert len(problems) == 1 and f"{damaged}: key 'config_digest' is missing" in problems[0]
    assert f"not shown: {damaged}" in text
    _, whole, *_ = lines_of(text, "item-table6")
    assert whole[1] == '<a href="#run-smoke-shapes-vita-tiny-base-seed1">1</a>'


def test_odd_things_beside_tables_are_passed_over(results: Results) -> None:
    results.pruning()
    _, before = results.page()
    (results.root / "folder.csv").mkdir()
    (results.root / "nowhere.csv").symlink_to("nothing.csv")
    os.mkfifo(results.root / "pipe.csv")
    config = results.root / "runs/smoke/shapes/vita/tiny/base/seed0/config.yaml"
    content = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(content | {"start_from": f"{config.parent}/model.safetensors"}))
    assert results.page()[1] == before


def test_what_people_wrote_is_text(results: Results) -> None:
    """Cells and titles of the user's own are neither tags nor further cells."""
    hostile = "<script>alert(1)</script> | & `x"
    lines = [results.scored("intact", seed) for seed in (0, 1)]
    results.table(lines, spec(row({"ratio": hostile}), title=hostile))
    (results.root / "runs/smoke/shapes/vita/tiny/base/seed0/history.csv").write_text("step,total\n1,2\n")
    text, _ = results.page()
    Page(text)
    assert text.count("<script>") == 1  # our own
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt; | &amp; `x") == 2 + 1  # cell, its title, and the contents
    header, line = lines_of(text, "item-table6")
    assert len(header) == len(line)


def test_the_tier_made_last_is_shown(results: Results) -> None:
    lines = [results.scored("intact", 0, tier="mini")]
    results.table(lines, spec(row({"ratio": 1.0}, seeds=(0,)), tier="mini"))
    Path("results/tables/smoke/table6").mkdir(parents=True)
    for name in ("spec.yaml", "runs.csv"):
        text = Path("results/tables/mini/table6", name).read_text()
        Path("results/tables/smoke/table6", name).write_text(text.replace("mini", "smoke"))
    text, _ = results.page()
    assert "<title>VITA: results (tier mini)</title>" in text
    assert text.count('id="item-table6"') == 1


def test_the_page_of_a_cards_prediction_says_predicted(results: Results) -> None:
    from probe_scenes import measured, write_probe

    from vita.report.tables.frames_table import build_frames_table

    key = {"method": "VITA", "window": "6", "prune_ratio": "1.0"}
    probes = [
        write_probe(Path("one.json"), key, 1500, 1800),
        write_probe(Path("two.json"), key, 1500, 1800, **measured(1790)),
    ]
    results.root.mkdir()
    build_frames_table(probes, results.root / "table4.csv")
    text, _ = results.page()
    _, first, second = lines_of(text, "item-table4")
    assert "1800" in first and "1790" in second
    # Both rows: frames predicted, and predicted with 2 GiB taken.
    assert text.count('class="number predicted"') == 4
    assert "Table 4: Maximum number of frames" in text
    assert json.loads(Path("one.json").read_text())[0]["status"] == "predicted"


def test_damaged_tables_alone_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "table6.csv").write_text("source,AP,n_seeds,evidence\n")
    from vita.report.pages.report import write_report

    with pytest.raises(UserError, match=r"nothing to report yet \(.*table6\.csv: no column 'AP50'"):
        write_report(tmp_path, tmp_path / "page.html")
