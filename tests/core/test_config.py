"""Configuration sections: strict, frozen, told apart by their digest; errors name the place and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError
from tiny_run import configuration, plan

from vita.core.config_base import Frozen, digest, dump, load, parse
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig, ShapesConfig
from vita.core.run_config import PredictConfig, RunConfig


class Circle(Frozen):
    kind: Literal["circle"] = "circle"
    radius: int = 1


class Square(Frozen):
    kind: Literal["square"]
    side: int
    inner: Circle = Circle()


Shape = Annotated[Circle | Square, Field(discriminator="kind")]


class Drawing(Frozen):
    circle: Circle = Circle()
    maybe: Circle | None = None
    many: tuple[Circle, ...] = ()
    named: dict[str, Circle] = Field({})
    layers: dict[str, list[Circle]] = Field({})
    shape: Circle | Square = Field(Circle(), discriminator="kind")
    shapes: list[Shape] = Field([])
    title: str = ""


UNKNOWN: dict[str, tuple[dict[str, Any], str, str]] = {
    "top": ({"colour": 1}, "colour", "circle, layers, many, maybe, named, shape, shapes, title"),
    "section": ({"circle": {"x": 1}}, "circle.x", "kind, radius"),
    "optional section": ({"maybe": {"x": 1}}, "maybe.x", "kind, radius"),
    "list of sections": ({"many": [{}, {"x": 1}]}, "many.1.x", "kind, radius"),
    "mapping of sections": ({"named": {"a": {"x": 1}}}, "named.a.x", "kind, radius"),
    "mapping key that is also a field": ({"named": {"radius": {"x": 1}}}, "named.radius.x", "kind, radius"),
    "mapping of lists": ({"layers": {"low": [{}, {"x": 1}]}}, "layers.low.1.x", "kind, radius"),
    "member of a union": ({"shape": {"kind": "circle", "side": 1}}, "shape.side", "kind, radius"),
    "other member": ({"shape": {"kind": "square", "side": 1, "x": 1}}, "shape.x", "inner, kind, side"),
    "within a member": (
        {"shape": {"kind": "square", "side": 1, "inner": {"x": 1}}},
        "shape.inner.x",
        "kind, radius",
    ),
    "list of unions": ({"shapes": [{"kind": "square", "side": 1, "x": 1}]}, "shapes.0.x", "inner, kind, side"),
}


@pytest.mark.parametrize("raw, place, allowed", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown_keys(raw: dict[str, Any], place: str, allowed: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Drawing, raw, "drawing.yaml")
    assert str(caught.value) == f"drawing.yaml: unknown key '{place}'; allowed here: {allowed}"


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"shape": {"kind": "square"}}, "key 'shape.side' is missing"),
    "wrong type": ({"circle": {"radius": "wide"}}, "key 'circle.radius': Input should be a valid integer"),
    "wrong type in a mapping": ({"named": {"a": {"radius": "wide"}}}, "key 'named.a.radius': Input should be"),
    "fraction for a whole number": (
        {"circle": {"radius": 1.5}},
        "key 'circle.radius': Input should be a valid integer",
    ),
    "number for a section": ({"circle": 3}, "key 'circle': Input should be a valid dictionary"),
    "unknown member": ({"shape": {"kind": "star"}}, "key 'shape': Input tag 'star' found using 'kind' does not match"),
    "member not named": ({"shape": {"side": 1}}, "key 'shape': Unable to extract tag using discriminator 'kind'"),
}


@pytest.mark.parametrize("raw, message", OTHERS.values(), ids=OTHERS.keys())
def test_other_errors(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Drawing, raw, "drawing.yaml")
    assert str(caught.value).startswith(f"drawing.yaml: {message}")


def test_configuration_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        configuration(tmp_path).seed = 3  # type: ignore[misc]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for section in (configuration(tmp_path), plan()):
        path = tmp_path / "file.yaml"
        path.write_text(dump(section))
        again = load(type(section), path)
        assert again == section and dump(again) == dump(section) and digest(again) == digest(section)


def test_digest_tells_configurations_apart(tmp_path: Path) -> None:
    base = configuration(tmp_path)
    others = [
        configuration(tmp_path / "x"),
        configuration(tmp_path, learning_rate=2e-3),
        base.model_copy(update={"seed": 1}),
        base.model_copy(update={"options": {**base.options, "window": 3}}),
    ]
    digests = [digest(section) for section in (base, *others)]
    assert len(set(digests)) == len(digests) and all(len(one) == 12 for one in digests)
    # Defaults that are written out, or keys in another order, are the same configuration.
    assert digest(parse(RunConfig, dict(reversed(base.model_dump(mode="json").items())), "x")) == digests[0]


def test_numbers_of_yaml(tmp_path: Path) -> None:
    """YAML reads 1e-4, without a point, as text; the section still takes it for a number."""
    path = tmp_path / "config.yaml"
    path.write_text(dump(configuration(tmp_path)).replace("learning_rate: 0.001", "learning_rate: 1e-4"))
    assert load(RunConfig, path).train.learning_rate == 1e-4


def test_sizes_of_embedded_data() -> None:
    sizes = {"train_videos": 1, "valid_videos": 1, "train_frames": 2, "valid_frames": 2}
    assert parse(ShapesConfig, {**sizes, "min_objects": 3, "max_objects": 3}, "x").max_objects == 3
    with pytest.raises(UserError, match=r"key 'max_objects': .*must not be below min_objects"):
        parse(ShapesConfig, {**sizes, "min_objects": 3, "max_objects": 2}, "x")


def test_sections_without_keys_that_must_be_given() -> None:
    assert PredictConfig(variants={"intact": {}}).top_k == 10
    with pytest.raises(UserError, match=r"key 'variants': .*at least 1 item"):
        parse(PredictConfig, {"variants": {}}, "x")
    with pytest.raises(UserError, match=r"^x: key 'root' is missing$"):
        parse(DatasetConfig, {"name": "a"}, "x")


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        ({}, []),
        ({"validate_every": 4}, [4, 8, 10]),
        ({"validate_at": (3,)}, [3, 10]),
        ({"validate_every": 4, "validate_at": (1, 4, 11)}, [1, 4, 8, 10]),  # training ends before step 11
    ],
)
def test_steps_after_which_a_training_is_validated(tmp_path: Path, schedule: dict[str, Any], steps: list[int]) -> None:
    train = configuration(tmp_path, iterations=10, **schedule).train
    assert [step for step in range(1, 11) if train.validates_after(step)] == steps
    assert train.validates == bool(steps)
