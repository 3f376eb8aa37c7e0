"""`vita predict`. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vita.cli.convert import quiet_libraries
from vita.cli.gpus import Gpus


def predict(
    config: Annotated[Path, typer.Option("--config", help="The run's config.yaml.")],
    plan: Annotated[Path, typer.Option(help="inference.yaml: the variants to predict.")],
    weights: Annotated[Path, typer.Option(help="model.safetensors of the run.")],
    out: Annotated[Path, typer.Option(help="Folder for <variant>.json; the record appears beside it.")],
    inference: Annotated[list[str] | None, typer.Option(help="Only these variants of the plan.")] = None,
    split: Annotated[
        Literal["train", "valid", "released_valid"],
        typer.Option(help="Videos: as scored here, or released_valid, those a server scores."),
    ] = "valid",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, or cuda:N for card N.  [default: a card where there is one]")
    ] = None,
    gpus: Gpus = None,
) -> None:
    """Predict videos under any number of inference variants, from one detector pass."""
    from vita.core.config_base import load
    from vita.core.run_config import PredictConfig, RunConfig
    from vita.engine.cards import own_cards
    from vita.engine.interruption import raised

    with raised():
        quiet_libraries()
        run, asked = load(RunConfig, config), load(PredictConfig, plan)
        with own_cards(gpus):
            from vita.blocks.prediction_form import adopt_prediction_form
            from vita.engine.device_settings import find_device
            from vita.engine.predict_run import predict_run

            place = find_device(device)
            predict_run(run, asked, inference or [], weights, out, out.parent, split, adopt_prediction_form, place)
