"""Profiles: every key is one of Snakemake's, and each rule asks for what its tier says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "workflow" / "profiles"


def asked(said: str, rule: str) -> list[dict[str, int]]:
    """Resources of every job of a rule, from what a dry run prints."""
    blocks = re.findall(rf"^(?:local)?rule {rule}:\n((?:    .*\n)+)", said, re.MULTILINE)
    lines = [re.search(r"resources: (.*)", block)[1] for block in blocks]
    return [{name: int(number) for name, number in re.findall(r"(gpu|mem_mb|runtime)=(\d+)", line)} for line in lines]


@pytest.fixture
def telling(tmp_path):
    """The workflow without the messages that stand in the place of a job's resources."""
    for path in [ROOT / "Snakefile", ROOT / "workflow" / "Snakefile", *(ROOT / "workflow").rglob("*.*")]:
        copy = tmp_path / "workflow_copy" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r"    message:\n        .*\n", "", path.read_text()))
    return str(tmp_path / "workflow_copy" / "Snakefile")


@pytest.fixture
def profile(tmp_path):
    """A function that copies a profile; SLURM's executor is a plugin that need not be here."""

    def copy(name: str) -> str:
        content = yaml.safe_load((PROFILES / name / "config.yaml").read_text())
        assert content.pop("executor", "local") == ("slurm" if name == "slurm" else "local")
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(content))
        return str(tmp_path / name)

    return copy


@pytest.mark.parametrize("name", [path.name for path in PROFILES.iterdir()])
def test_resources_are_asked_for_by_rule(fake_folder, profile, telling, name):
    fake_folder.change("nano.yaml", "gpus", to=1)
    fake_folder.change("nano.yaml", "needs", to={"train": {"mem_mb": 5000, "runtime": 90}})
    said = fake_folder.succeed("-n", "results/table6.csv", "-s", telling, "--workflow-profile", profile(name))
    assert len(asked(said, "train")) == 3
    for job in asked(said, "train"):
        assert job == {"gpu": 1, "mem_mb": 5000, "runtime": 90}
    for job in asked(said, "predict"):
        assert job == {"gpu": 1, "mem_mb": 4000, "runtime": 60}  # defaults of a tier that does not say
    assert asked(said, "evaluate") == 2 * 4 * [{"mem_mb": 8000, "runtime": 60}]


def test_a_laptop_runs_with_its_profile(fake_folder):
    fake_folder.succeed("results/table6.csv", "--workflow-profile", str(PROFILES / "laptop"))
    assert (fake_folder.path / "results" / "table6.csv").exists()


def test_a_cluster_retries_what_met_its_time_limit():
    slurm = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text())
    assert slurm["retries"] > 0
    assert slurm["keep-going"]
    assert all(re.fullmatch(r"(mem_mb|runtime)=\d+", entry) for entry in slurm["default-resources"])


def test_a_profile_s_retries_hold_for_trainings_where_the_tier_names_no_longest_job(fake_folder, profile):
    """The first two attempts fail; fake_vita.py is broken until it has been called twice."""
    vita = fake_folder.path / "bin" / "vita"
    counting = (
        """if [ "$1" = train ] && [ $(ls tried* 2>/dev/null | wc -l) -lt 2 ]; then mktemp tried_XXXX; exit 75; fi"""
    )
    vita.write_text(vita.read_text().replace("\nexec", f"\n{counting}\nexec"))
    weights = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0/model.safetensors"
    said = fake_folder.succeed(weights, "--retries", "2")
    assert said.count("Trying to restart job") == 2


def test_options_of_a_cluster_without_accounting_are_named_as_the_plugin_names_them():
    text = (PROFILES / "slurm" / "config.yaml").read_text()
    named = dict(re.findall(r"^# (slurm-[a-z-]+): (\S+)$", text, re.M))
    assert named == {"slurm-no-account": "true", "slurm-status-command": "squeue"}
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is not installed")
    settings = {field.name for field in fields(plugin.ExecutorSettings)}
    assert {name.removeprefix("slurm-").replace("-", "_") for name in named} <= settings


def test_slurm_is_asked_to_warn_the_trainer(fake_folder, telling):
    said = fake_folder.succeed("-n", "results/table6.csv", "-s", telling)
    jobs = re.findall(r"^rule train:\n(?:    .*\n)+", said, re.MULTILINE)
    assert len(jobs) == 3 and all("slurm_extra=--signal=USR1@120" in job for job in jobs)
