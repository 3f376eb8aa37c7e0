"""What the workflow refuses before anything runs: one line, as `vita` says it, and exit code 2."""

import pytest
import yaml

from vita.cli.main import main

TIERS = {
    "a key misspelt that is required": (lambda tier: tier.update(sedes=tier.pop("seeds")), "unknown key 'sedes'"),
    "one within": (lambda tier: tier["methods"]["vita"].update(perset="tiny"), "methods.vita: unknown key 'perset'"),
    "one left out": (lambda tier: tier.pop("seeds"), "key 'seeds' is missing"),
    "a name that is none": (lambda tier: tier.update(tier="a b"), "key 'tier': a name has letters"),
    "another type": (lambda tier: tier.update(gpus="many"), "key 'gpus': Input should be a valid integer"),
    "a data set that is not there": (lambda tier: tier["datasets"]["coco"].update(use="no"), "no datasets/no.yaml"),
}


@pytest.mark.parametrize(("change", "told"), TIERS.values(), ids=TIERS)
def test_a_bad_tier_is_the_line_that_vita_says(folder, change, told, monkeypatch, capsys):
    tier = yaml.safe_load(folder.tier.read_text())
    change(tier)
    folder.tier.write_text(yaml.safe_dump(tier))
    ended = folder.run("-n")
    assert ended.returncode == 2
    line = ended.stderr.strip()
    assert line.startswith(f"error: {folder.tier}: ") and told in line and "\n" not in line

    library = str(folder.path.parent / "none")
    monkeypatch.setattr("sys.argv", ["vita", "plan", "--tier", str(folder.tier), "--library", library])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    if "datasets" not in told:  # which the library has others of
        assert capsys.readouterr().err.strip() == line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("results/table5.csv",), "the tier 'nano' does not name the experiment 'table5'; its experiments: "),
        (("--report", "report.html", "reported"), "there is nothing to report yet; make a table first"),
    ],
)
def test_what_is_asked_for_and_is_not_there_is_the_last_line(fake_folder, arguments, told):
    ended = fake_folder.run(*arguments)
    assert ended.returncode == 2
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {told}")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["claims", "models", "all_runs", "rehearsal", "data"])
def test_an_experiment_is_not_called_as_something_else_in_results(fake_folder, name):
    fake_folder.change("experiments/table6.yaml", "title", to="Another")
    experiments = fake_folder.path / "tier" / "experiments"
    (experiments / "table6.yaml").rename(experiments / f"{name}.yaml")
    fake_folder.change("nano.yaml", "experiments", to=[name])
    ended = fake_folder.run("-n")
    assert ended.returncode == 2
    assert ended.stderr.strip() == (
        f"error: experiment '{name}': this name is something else's in results/; give the experiment's file another"
    )


def test_a_second_figure_of_a_kind_of_which_there_is_one(fake_folder):
    fake_folder.change("experiments/figure5.yaml", "title", to="Another")
    experiments = fake_folder.path / "tier" / "experiments"
    (experiments / "figure5.yaml").rename(experiments / "mine.yaml")
    fake_folder.change("nano.yaml", "experiments", to=["mine"])
    ended = fake_folder.run("-n")
    assert ended.returncode == 2
    assert ended.stderr.strip() == "error: experiment 'mine': kind: curves is for 'figure5' alone; allowed here: table"
