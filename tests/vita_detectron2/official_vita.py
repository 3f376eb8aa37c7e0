"""The official VITA, or ours, in a process of its own: one YAML, one file of weights, our data set, our evaluator.

`official_vita.py official|ours FOLDER CHECKOUT`: FOLDER holds `Vita.yaml` and `data.yaml`. The official model is built
from CHECKOUT, the repository as it is, on a CPU: its attention's compiled operator is its own reference in PyTorch. It
makes weights where FOLDER has no `weights.pth`. Either writes `outputs_<which>.pth`, what the model says of each video,
and `scores_<which>.json`. Both see the same frames: those of the official mapper, kept in `inputs.pth`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

WHICH, FOLDER, CHECKOUT = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
if WHICH == "official":
    sys.path.insert(0, CHECKOUT)  # as when a program is started there: its package `vita` comes before ours

import detectron2_checkout  # noqa: E402, F401  # makes it importable
import torch  # noqa: E402
from detectron2.checkpoint import DetectionCheckpointer  # noqa: E402
from detectron2.config import get_cfg  # noqa: E402
from detectron2.evaluation import inference_on_dataset  # noqa: E402
from detectron2.modeling import build_model  # noqa: E402

from vita_detectron2.catalogue import register_dataset  # noqa: E402
from vita_detectron2.evaluator import YTVISEvaluator  # noqa: E402


def official_model() -> tuple[Any, list[Any]]:
    """The official model, and what its own loader gives it of every video."""
    import detectron2

    for compiled in ("detectron2._C", "MultiScaleDeformableAttention"):
        sys.modules.setdefault(compiled, ModuleType(compiled))
    detectron2._C = sys.modules["detectron2._C"]
    from detectron2.projects.deeplab import add_deeplab_config
    from mask2former import add_maskformer2_config
    from mask2former.modeling.pixel_decoder.ops.functions import ms_deform_attn_func
    from mask2former.modeling.pixel_decoder.ops.modules import ms_deform_attn

    import vita

    class Reference:
        @staticmethod
        def apply(value: Any, shapes: Any, _starts: Any, locations: Any, weights: Any, _step: Any) -> Any:
            return ms_deform_attn_func.ms_deform_attn_core_pytorch(value, shapes, locations, weights)

    ms_deform_attn.MSDeformAttnFunction = Reference
    cfg = get_cfg()
    add_deeplab_config(cfg)
    add_maskformer2_config(cfg)
    vita.add_vita_config(cfg)
    cfg.merge_from_file(str(FOLDER / "Vita.yaml"))
    torch.manual_seed(0)
    mapper = vita.YTVISDatasetMapper(cfg, is_train=False)
    (name,) = cfg.DATASETS.TEST
    assert register_dataset(FOLDER / "data.yaml", ["valid"], folder=FOLDER) == [name]
    loader = vita.build_detection_test_loader(cfg, name, mapper=mapper)
    return build_model(cfg), list(loader)


def our_model() -> tuple[Any, list[Any]]:
    """Our model, and the same inputs."""
    from vita_detectron2.architectures.config import add_config
    from vita_detectron2.architectures.models import register_architectures

    register_architectures()
    cfg = get_cfg()
    add_config(cfg, "Vita")
    cfg.merge_from_file(str(FOLDER / "Vita.yaml"))
    assert register_dataset(FOLDER / "data.yaml", ["valid"], folder=FOLDER) == list(cfg.DATASETS.TEST)
    return build_model(cfg), torch.load(FOLDER / "inputs.pth", weights_only=False)


class Remembering(torch.nn.Module):
    """A model, and all that it said."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.said = model, list[Any]()

    def forward(self, inputs: Any) -> Any:
        self.said.append(self.model(inputs))
        return self.said[-1]


def main() -> None:
    """Build, load, predict, score."""
    model, inputs = official_model() if WHICH == "official" else our_model()
    weights = FOLDER / "weights.pth"
    if not weights.exists():
        torch.save({"model": model.state_dict()}, weights)
    DetectionCheckpointer(model).load(str(weights))
    if WHICH == "official":
        torch.save(inputs, FOLDER / "inputs.pth")
    remembering = Remembering(model)
    found = inference_on_dataset(remembering, inputs, YTVISEvaluator("ytvis_data_val", None, True, str(FOLDER / WHICH)))
    torch.save(remembering.said, FOLDER / f"outputs_{WHICH}.pth")
    (FOLDER / f"scores_{WHICH}.json").write_text(json.dumps(found))
    print("vita is", Path(sys.modules["vita"].__file__ or "").parent)


if __name__ == "__main__":
    main()
