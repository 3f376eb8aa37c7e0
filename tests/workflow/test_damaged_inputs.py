"""What was damaged since it was written costs nothing that was made of it."""

import os
import time

import pytest

RUN = "results/runs/nano/nano_shapes/vita/tiny/base/seed0"
LABELS = "results/data/nano_shapes/valid/instances.json"
MADE = ("model.safetensors", "history.csv", "record.json", "predict_record.json", "predictions/intact.json")


def damage(path, change):
    """As an accident would: later than all that was made of it."""
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    later = time.time() + 5
    os.utime(path, (later, later))
    return whole


CHANGES = {
    "cut off": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "no text": lambda whole: b"\xff\xfe\0" + whole,
    "a key misspelt": lambda whole: whole.replace(b"variant", b"varaint", 1),
    "a line lost": lambda whole: whole.partition(b"\n")[2],
    "cut off at a line": lambda whole: whole[: whole.rstrip(b"\n").rindex(b"\n") + 1],
}


@pytest.mark.parametrize("name", ["config.yaml", "inference.yaml"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_damaged_configuration_is_mended_and_nothing_is_made_anew(fake_folder, finished, name, change):
    run = fake_folder.path / RUN
    before = {made: (run / made).stat().st_mtime_ns for made in MADE}
    calls = len(fake_folder.calls())
    whole = damage(run / name, change)
    said = fake_folder.succeed("results/table6.csv")
    assert f"{RUN}/{name} was damaged; it is mended, and what was made with it stays" in said
    assert (run / name).read_bytes() == whole
    assert {made: (run / made).stat().st_mtime_ns for made in MADE} == before
    assert len(fake_folder.calls()) == calls


OF_ALL_KINDS = [
    f"{RUN}/config.yaml",
    "results/data/nano_shapes/dataset.yaml",
    "results/tables/nano/table6/spec.yaml",
    "results/probes/nano/vita/window6/predicted.yaml",
]


@pytest.mark.parametrize("name", OF_ALL_KINDS)
def test_every_configuration_of_the_workflow_is_mended_and_a_dry_run_only_tells(fake_folder, name):
    targets = ("results/table6.csv", "results/table4.csv")
    fake_folder.change("nano.yaml", "experiments", to=["table4", "table6"])
    fake_folder.succeed(*targets)
    calls = len(fake_folder.calls())
    whole = damage(fake_folder.path / name, CHANGES["cut off"])
    said = fake_folder.succeed("-n", *targets)
    assert f"{name} is damaged; the call that is no dry run mends it, and what was made with it stays" in said
    assert (fake_folder.path / name).read_bytes() != whole
    assert f"{name} was damaged; it is mended" in fake_folder.succeed(*targets)
    assert (fake_folder.path / name).read_bytes() == whole
    assert len(fake_folder.calls()) == calls


@pytest.fixture
def finished(fake_folder):
    fake_folder.succeed("results/table6.csv")


NO_LABELS = {
    "not JSON": (lambda whole: b"[" + whole, "not valid JSON: "),
    "nothing": (lambda whole: b"null", "it lists no videos or no categories"),
    "no key": (lambda whole: b"{}", "it lists no videos or no categories"),
    "a list": (lambda whole: b"[]", "it lists no videos or no categories"),
    "no video": (lambda whole: b'{"videos": [], "categories": [{"id": 1}]}', "it lists no videos or no categories"),
}


def assert_refused_at_no_cost(folder, path, change, told):
    """Nothing is started, nothing lost; and with the file as it was, nothing is made anew."""
    run = folder.path / RUN
    before = {made: (run / made).read_bytes() for made in MADE if made not in path}
    written = (folder.path / path).stat().st_mtime
    whole = damage(folder.path / path, change)
    ended = folder.run("results/table6.csv")
    assert ended.returncode == 2
    assert f"error: {path}: {told}" in ended.stderr
    assert {made: (run / made).read_bytes() for made in before} == before

    (folder.path / path).write_bytes(whole)
    os.utime(folder.path / path, (written, written))
    calls = len(folder.calls())
    folder.succeed("results/table6.csv")
    assert len(folder.calls()) == calls
    return ended.stderr


@pytest.mark.parametrize(("change", "told"), NO_LABELS.values(), ids=NO_LABELS)
def test_damaged_labels_are_refused_and_cost_no_predictions(fake_folder, finished, change, told):
    said = assert_refused_at_no_cost(fake_folder, LABELS, change, told)
    assert "write it again with `vita data synth --dataset results/data/nano_shapes/dataset.yaml`" in said


@pytest.mark.parametrize("variant", ["base", "pretrain"])
def test_damaged_weights_cost_nothing_that_was_made_of_them(fake_folder, finished, variant):
    weights = f"{RUN.replace('base', variant)}/model.safetensors"
    assert_refused_at_no_cost(fake_folder, weights, CHANGES["cut off"], "not a readable safetensors file (")


def test_a_folder_in_the_place_of_a_configuration_is_one_line(fake_folder, finished):
    config = fake_folder.path / RUN / "config.yaml"
    config.unlink()
    config.mkdir()
    ended = fake_folder.run("results/table6.csv")
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert f"error: cannot write {RUN}/config.yaml: Is a directory" in ended.stderr


def test_a_configuration_that_a_person_changed_is_what_is_trained(fake_folder, finished):
    config = fake_folder.path / RUN / "config.yaml"
    config.write_text(config.read_text().replace("iterations: 4", "iterations: 3"))
    assert fake_folder.jobs("results/table6.csv")["train"] == 1
    fake_folder.succeed("results/table6.csv")
    assert "iterations: 3" in config.read_text()
