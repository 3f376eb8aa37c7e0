"""The reader of official YAML files: inheritance, values as detectron2 reads them, one clear error for each fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vita.core.contract import UserError
from vita.official.configs.config import flatten, read_official_config

VITA = "MODEL: {META_ARCHITECTURE: Vita}\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes `name: text` files and returns the path of the last."""

    def write_files(**texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return path

    return write_files


def test_what_stands_nearer_wins_key_by_key(write):
    path = write(
        base=f"{VITA}SOLVER: {{MAX_ITER: 10, STEPS: '(4,)', BASE_LR: 0.5}}\n",
        middle__vis="_BASE_: ../base.yaml\nSOLVER: {MAX_ITER: 20}\nSEED: 3\n",
        middle__leaf="_BASE_: vis.yaml\nSOLVER: {BASE_LR: 0.25}\n",
    )
    config = read_official_config(path)
    assert [config[f"SOLVER.{key}"] for key in ("MAX_ITER", "STEPS", "BASE_LR")] == [20, (4,), 0.25]
    assert config["SEED"] == 3
    assert config["SOLVER.GAMMA"] == 0.1  # assumed by the code
    named = {"MODEL.META_ARCHITECTURE", "SOLVER.MAX_ITER", "SOLVER.STEPS", "SOLVER.BASE_LR", "SEED"}
    assert config.named == named


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SOLVER: {STEPS: [null, 4]}", r"'SOLVER.STEPS' is \[None, 4\]; it must be a list, such as \(30000,\)"),
        ("SOLVER: {STEPS: [[4]]}", r"'SOLVER.STEPS' is \[\[4\]\]; it must be a list"),
        ("SOLVER: {MAX_ITER: null}", "'SOLVER.MAX_ITER' is None; it must be a whole number"),
        ("INPUT: {CROP: {SIZE: [1, 2, 3]}}", "'INPUT.CROP.SIZE' is .*; it must be a pair"),
        ("DATASETS: {TRAIN: [{a: 1}]}", "'DATASETS.TRAIN' is .*; it must be a list"),
        ("INPUT: {FORMAT: '{1: 2}'}", "unknown key 'INPUT.FORMAT.1'"),
        ("DATASETS: {DATASET_RATIO: [null, 1]}", "'DATASETS.DATASET_RATIO' is .*; it must be a list"),
    ],
)
def test_items_of_another_type_and_number_are_named(write, text, told):
    with pytest.raises(UserError, match=told):
        read_official_config(write(a=VITA + text))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("SOLVER.STEPS", "(1, 2)", (1, 2)),
        ("SOLVER.STEPS", "[1, 2]", [1, 2]),
        ("SOLVER.BASE_LR", "0.0001", 1e-4),
        ("SOLVER.BASE_LR", "1e-4", 1e-4),  # text to YAML
        ("SOLVER.BASE_LR", "1", 1),
        ("SOLVER.AMP.ENABLED", "True", True),
        ("DATASETS.TRAIN", '("a", "b")', ("a", "b")),
        ("MODEL.WEIGHTS", "model_final_3c8ec9.pkl", "model_final_3c8ec9.pkl"),
        ("INPUT.MIN_SIZE_TRAIN", "(360, 480)  # short edges", (360, 480)),
        ("MODEL.SWIN.QK_SCALE", "0.5", 0.5),  # assumed to be None, which is of no type
    ],
)
def test_values_are_read_as_detectron2_reads_them(write, key, text, value):
    *sections, last = key.split(".")
    lines = [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections)]
    body = "\n".join([*lines, f"{'  ' * len(sections)}{last}: {text}"])
    path = write(base=VITA, leaf=f"_BASE_: base.yaml\n{body}\n")
    found = read_official_config(path)[key]
    assert found == value and type(found) is type(value)


def test_it_remembers_which_keys_were_asked_for(write):
    config = read_official_config(write(leaf=VITA))
    assert config.taken == set()
    assert config["SEED"] == -1 and config.get("SOLVER.GAMMA") == 0.1 and config.get("SOLVER.NOTHING") is None
    assert "SOLVER.MAX_ITER" in config and config.peek("SOLVER.MAX_ITER") == 40000
    assert config.taken == {"SEED", "SOLVER.GAMMA"}


def test_each_architecture_has_its_own_assumptions(write):
    frames = {}
    for architecture in ("Vita", "VideoMaskFormer", "Ifc"):
        config = read_official_config(write(leaf=f"MODEL: {{META_ARCHITECTURE: {architecture}}}\n"))
        frames[architecture] = config["INPUT.SAMPLING_FRAME_NUM"]
        assert ("MODEL.VITA.ENC_LAYERS" in config) == (architecture == "Vita")
        assert ("MODEL.MASK_FORMER.NHEADS" in config) == (architecture != "Ifc")
    assert frames == {"Vita": 2, "VideoMaskFormer": 2, "Ifc": 5}


def test_keys_of_detectron2s_other_models_are_known_but_of_no_use(write):
    path = write(leaf="MODEL: {META_ARCHITECTURE: Vita, RPN: {NMS_THRESH: 0.5}, ROI_HEADS: {NAME: x}}\n")
    assert read_official_config(path).foreign == {"MODEL.RPN.NMS_THRESH", "MODEL.ROI_HEADS.NAME"}


FAULTS = {
    "unknown key": (
        "MODEL: {VITA: {ENC_LAYER: 3}}",
        r"unknown key 'MODEL.VITA.ENC_LAYER'; did you mean '.*ENC_LAYERS'\?",
    ),
    "unlike any key": ("COLOUR: blue", r"unknown key 'COLOUR'; correct its name, or remove it"),
    "key of another architecture": ("MODEL: {IFC: {NUM_MEMORY_BUS: 8}}", r"unknown key 'MODEL.IFC.NUM_MEMORY_BUS'"),
    "section as a value": ("SOLVER: 3", r"unknown key 'SOLVER'"),
    "value as a section": ("SEED: {A: 1}", r"unknown key 'SEED.A'"),
    "text for a number": (
        "SOLVER: {MAX_ITER: many}",
        r"key 'SOLVER.MAX_ITER' is 'many'; it must be a whole number, such",
    ),
    "fraction for a count": ("SOLVER: {MAX_ITER: 1.5}", r"key 'SOLVER.MAX_ITER' is 1.5; it must be a whole number"),
    "number for a truth value": (
        "SOLVER: {AMP: {ENABLED: 1}}",
        r"key 'SOLVER.AMP.ENABLED' is 1; it must be a truth value",
    ),
    "truth value for a count": (
        "SOLVER: {MAX_ITER: True}",
        r"key 'SOLVER.MAX_ITER' is True; it must be a whole number",
    ),
    "number for a list": ("SOLVER: {STEPS: 5}", r"key 'SOLVER.STEPS' is 5; it must be a list, such as \(30000,\)"),
    "unknown architecture": (
        "MODEL: {META_ARCHITECTURE: GeneralizedRCNN}",
        r"'MODEL.META_ARCHITECTURE' is 'GeneralizedRCNN'; allowed: Vita, VideoMaskFormer, Ifc",
    ),
    "not YAML": ("MODEL: [", r"leaf.yaml: not valid YAML"),
    "a list": ("- 1", r"leaf.yaml: expected a mapping of keys, found list"),
    "empty": ("", r"leaf.yaml: expected a mapping of keys, found NoneType"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_one_error_that_names_file_and_key(write, text, message):
    inherits = text and not text.startswith("-") and "[" not in text
    path = write(base=VITA, leaf=f"_BASE_: base.yaml\n{text}\n" if inherits else text)
    with pytest.raises(UserError, match=message) as caught:
        read_official_config(path)
    assert "leaf.yaml" in str(caught.value)


BASES = {
    "itself": ("leaf.yaml", r"inherits from itself: leaf.yaml -> leaf.yaml; remove one _BASE_"),
    "its heir": ("circle.yaml", r"inherits from itself: leaf.yaml -> circle.yaml -> leaf.yaml"),
    "a missing file": ("nowhere.yaml", r"nowhere.yaml: no such file"),
    "no path": ("[a.yaml]", r"key '_BASE_' is \['a.yaml'\]; it must be the path of one YAML file"),
}


@pytest.mark.parametrize(("base", "message"), BASES.values(), ids=BASES.keys())
def test_impossible_inheritance(write, base, message):
    path = write(circle=f"_BASE_: leaf.yaml\n{VITA}", leaf=f"_BASE_: {base}\n")
    with pytest.raises(UserError, match=message):
        read_official_config(path)


def test_a_file_for_others_to_inherit_is_told_apart_from_a_models(write):
    with pytest.raises(UserError, match=r"no key 'MODEL.META_ARCHITECTURE'; give the file of a model"):
        read_official_config(write(leaf="SEED: 1\n"))


def test_flat_keys():
    assert flatten({"A": {"B": 1, "C": {"D": 2}, "E": {}}, "F": 3}) == {"A.B": 1, "A.C.D": 2, "F": 3}


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ('"\\uD800"', "not valid YAML: .* is no text"),
        ('"\\0"', "key '_BASE_' is .*, which is no path"),
        ('"~nobody-of-that-name/base.yaml"', "key '_BASE_' is .*, which is no path"),
        ('"a\\nb.yaml"', "no such file"),
        (f'"{"x" * 5000}"', "key '_BASE_' is .*, which is no path|cannot be read: File name too long"),
        ("..", "cannot be read: Is a directory"),
        ("/dev/null/base.yaml", "cannot be read: Not a directory|no such file"),
    ],
)
def test_a_base_that_is_no_file_is_told(tmp_path, base, told):
    path = tmp_path / "model.yaml"
    path.write_text(f"_BASE_: {base}\n")
    with pytest.raises(UserError, match=rf"(?s)^(/dev/null|{tmp_path}).*({told})"):
        read_official_config(path)


def test_a_long_chain_of_bases_is_told(tmp_path):
    for number in range(2000):
        (tmp_path / f"{number}.yaml").write_text(f"_BASE_: {number + 1}.yaml\n")
    with pytest.raises(UserError, match="more than 50 files inherit from each other by _BASE_"):
        read_official_config(tmp_path / "0.yaml")
