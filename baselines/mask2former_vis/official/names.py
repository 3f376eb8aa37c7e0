"""Mask2Former-VIS' counterpart: the released implementation's weights, configuration keys and recorded outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from vita.official.checkpoints.backbone import BACKBONE, fixed_tensors
from vita.official.checkpoints.detector import PIXEL_DECODER, detector_options
from vita.official.checkpoints.names import Parts, renamed, video_decoder_rules
from vita.official.checkpoints.sizes import Config, Fixed, Shapes, Sizes

HEAD = "sem_seg_head."
CLASS_HEAD = f"{HEAD}predictor.class_embed.weight"
NO_OBJECT_WEIGHT = 0.1  # of the class loss; all other classes weigh 1
FIXED: Fixed = {
    "MODEL.MASK_FORMER.DROPOUT": (0.0,),
    "MODEL.MASK_FORMER.DEEP_SUPERVISION": (True,),
    "MODEL.MASK_FORMER.NO_OBJECT_WEIGHT": (NO_OBJECT_WEIGHT,),
    "MODEL.MASK_FORMER.CLASS_WEIGHT": (2.0,),
    "MODEL.MASK_FORMER.MASK_WEIGHT": (5.0,),
    "MODEL.MASK_FORMER.DICE_WEIGHT": (5.0,),
    "MODEL.MASK_FORMER.OVERSAMPLE_RATIO": (3.0,),
    "MODEL.MASK_FORMER.IMPORTANCE_SAMPLE_RATIO": (0.75,),
    "MODEL.MASK_FORMER.TRANSFORMER_DECODER_NAME": ("VideoMultiScaleMaskedTransformerDecoder",),
}


class Mask2FormerVisOfficial(Parts):
    """See `vita.official.contract.ReferenceAdapter`."""

    parts = (
        ("pixel_level.backbone.", "backbone.", BACKBONE),
        ("pixel_level.decoder.", f"{HEAD}pixel_decoder.", PIXEL_DECODER),
        ("decoder.", f"{HEAD}predictor.", (*renamed({"level_embedding": "level_embed"}), *video_decoder_rules(""))),
    )

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Class weights of the loss, and the position index of a Swin."""
        return fixed_tensors(model, "decoder.class_head.bias", NO_OBJECT_WEIGHT, "pixel_level.backbone", "backbone.")

    def options(self, config: Config, shapes: Shapes) -> dict[str, Any]:
        """Options of the method; see `Mask2FormerVisOptions`. Raises UserError where sizes contradict each other."""
        Sizes(config, shapes).check_fixed(FIXED)
        options: dict[str, Any] = {"detector": detector_options(config, shapes)}
        points = config.get("MODEL.MASK_FORMER.TRAIN_NUM_POINTS")
        return options if points is None else options | {"points": points}


official = Mask2FormerVisOfficial()
