"""Work is done once: what tables share, what is there already, what one more seed or one more experiment adds."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
EXPERIMENT, VARIANT, *_ = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", EXTENDING, re.DOTALL))
BASE = "results/runs/nano/nano_shapes/vita/tiny"


def add_experiment(folder, name, content):
    """One YAML file beside the tier, and its name in the tier's list."""
    path = folder.path / "tier" / "experiments" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    folder.change("nano.yaml", "experiments", to=["table6", "controls", name])


def test_the_second_call_does_nothing_and_one_more_seed_runs_nothing_of_the_others(fake_folder):
    fake_folder.succeed()
    assert fake_folder.jobs() == {}
    before = fake_folder.calls()

    fake_folder.change("nano.yaml", "seeds", to=[0, 1, 2])
    variants = 4 + 3  # of Table 6 and of the controls, `intact` being in both
    of_the_seed = {"run_config": 1, "train": 1, "inference_config": 1, "predict": 1, "evaluate": variants}
    of_the_tables = {"table_spec": 2, "table_runs": 2, "table": 2}
    of_the_tier = {"all_runs": 1, "claims": 1, "all": 1}
    assert fake_folder.jobs() == of_the_seed | of_the_tables | of_the_tier
    fake_folder.succeed()
    heavy = [call for call in fake_folder.calls()[len(before) :] if call.split()[0] in ("train", "predict", "evaluate")]
    assert len(heavy) == 2 + variants
    assert all(f"{BASE}/base/seed2/" in call for call in heavy)


def test_tables_share_trainings_and_detector_passes(fake_folder):
    """Tables 1 and 5 ask for one and the same weights, since both data sets have the same stand-in."""
    tier = str(fake_folder.path / "tier" / "nano_methods.yaml")
    together, first = fake_folder.jobs(tier=tier), fake_folder.jobs("results/table1.csv", tier=tier)
    methods, beyond, clips = 3, 2, 4  # beyond the paper: MinVIS and VidEoMT, in Table 1 alone
    assert together["train"] == first["train"] == methods * (1 + 1) + beyond  # each of the first its own pre-training
    assert together["predict"] == first["predict"] == methods + beyond
    assert (together["evaluate"], first["evaluate"]) == (methods * (1 + clips) + beyond, methods + beyond)


def test_an_inference_ablation_is_one_file(fake_folder):
    fake_folder.succeed()
    add_experiment(fake_folder, "gentle_pruning", EXPERIMENT)
    jobs = fake_folder.jobs("results/gentle_pruning.csv")
    assert jobs["predict"] == jobs["inference_config"] == 2  # seeds
    assert jobs["evaluate"] == 2 * 3  # its own rows alone
    assert not {"train", "run_config", "data_synth"} & jobs.keys()
    fake_folder.succeed("results/gentle_pruning.csv")
    plan = yaml.safe_load(fake_folder.read(f"{BASE}/base/seed0/inference.yaml"))
    assert plan["variants"]["prune90"] == {"prune_ratio": 0.9}
    for suffix in ("md", "tex", "html"):
        assert (fake_folder.path / f"results/gentle_pruning.{suffix}").exists()


def test_a_column_on_request_scores_its_own_rows_anew_and_predicts_nothing(fake_folder):
    fake_folder.succeed()
    assert not any("--hota" in call for call in fake_folder.calls("evaluate"))
    before = len(fake_folder.calls())
    long = fake_folder.path / "my long videos.json"
    long.write_text("[1]")
    fake_folder.change("nano.yaml", "scores", to={"controls": ["HOTA", "AP_heavy", "AssA", "AP_long"]})
    fake_folder.change("datasets/nano_shapes.yaml", "long_videos", to=str(long))
    jobs = fake_folder.jobs("results/controls.csv")
    assert jobs["evaluate"] == 2 * 4  # seeds, and the rows of the controls
    assert not {"train", "run_config", "predict", "inference_config"} & jobs.keys()
    fake_folder.succeed("results/controls.csv")
    asked = [call for call in fake_folder.calls()[before:] if call.startswith("evaluate")]
    assert len(asked) == 2 * 4
    assert all(call.endswith(f"--hota --occlusion --long {long}") for call in asked)
    assert "AP_heavy" in fake_folder.read("results/tables/nano/controls/spec.yaml")


def test_a_training_ablation_is_one_file(fake_folder):
    fake_folder.succeed("results/table6.csv")
    rows = [{"key": {"window": "as trained"}}, {"key": {"window": "small"}, "variant": "small_window"}]
    kept = {key: EXPERIMENT[key] for key in ("item", "title", "select")}
    add_experiment(fake_folder, "small_window", kept | {"rows": rows} | VARIANT)
    jobs = fake_folder.jobs("results/small_window.csv")
    assert jobs["train"] == jobs["run_config"] == 2  # its own seeds, from the pre-training that is there
    assert jobs["evaluate"] == 2
    fake_folder.succeed("results/small_window.csv")
    trained = yaml.safe_load(fake_folder.read(f"{BASE}/small_window/seed1/config.yaml"))
    assert trained["options"]["window"] == 3
    assert trained["start_from"] == f"{BASE}/pretrain/seed0/model.safetensors"


def test_a_bare_experiment_has_a_place_in_the_report(fake_folder):
    add_experiment(fake_folder, "gentle_pruning", EXPERIMENT)
    fake_folder.succeed()
    fake_folder.succeed("--report", "report.html")
    report = fake_folder.read("report.html")
    assert "Gentle pruning" in report
    assert "results/gentle_pruning.html" in report
