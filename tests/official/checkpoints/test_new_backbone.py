"""A new kind of backbone is written in two files: its options, and what its published files are called.

The kind is added to a copy of the package, and nothing else of it is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

OPTIONS = '''
from transformers import ConvNextBackbone, ConvNextConfig


class ConvNextOptions(BackboneOptions):
    """A ConvNeXt; defaults are the tiny one."""

    library: ClassVar[type[Any]] = ConvNextBackbone

    kind: Literal["convnext"]
    channels: FourSizes = (96, 192, 384, 768)
    depths: FourSizes = (3, 3, 9, 3)

    @property
    def widths(self) -> tuple[int, ...]:
        return self.channels

    def configuration(self, stages: int = 4) -> ConvNextConfig:
        channels, depths = list(self.channels[:stages]), list(self.depths[:stages])
        return ConvNextConfig(hidden_sizes=channels, depths=depths, out_features=stage_names(stages))

    def parts(self, extractor: Any) -> list[nn.Module]:
        return [extractor.embeddings, *extractor.encoder.stages]


AnyBackbone = Annotated[ResNetOptions | SwinOptions | ConvNextOptions, Field(discriminator="kind")]
'''
FILES = r"""
from vita.blocks.backbone import ConvNextOptions

PLACE = r"encoder\.stages\.(\d)\."


def _convnext_options(sizes: Sizes) -> dict[str, Any]:
    channels = tuple(sizes.dim(f"stages.{stage}.0.dwconv.weight") for stage in range(4))
    depths = tuple(sizes.count(f"stages.{stage}.") for stage in range(4))
    return {"kind": "convnext", "channels": complete(channels), "depths": complete(depths)}


CONVNEXT = BackboneKind(
    options=ConvNextOptions,
    rules=(
        *renamed({rf"hidden_states_norms\.stage{stage + 1}": f"norm{stage}" for stage in range(4)}),
        *renamed({r"embeddings\.patch_embeddings": "downsample_layers.0.0"}),
        *renamed({r"embeddings\.layernorm": "downsample_layers.0.1"}),
        (rf"{PLACE}downsampling_layer\.(\d\.\w+)", r"downsample_layers.\1.\2"),
        (rf"{PLACE}layers\.(\d+)\.layer_scale_parameter", r"stages.\1.\2.gamma"),
        (rf"{PLACE}layers\.(\d+)\.layernorm\.(\w+)", r"stages.\1.\2.norm.\3"),
        (rf"{PLACE}layers\.(\d+)\.((?:dw|pw)conv\d?\.\w+)", r"stages.\1.\2.\3"),
    ),
    first="downsample_layers.0.0.weight",
    read_options=_convnext_options,
    words=lambda options: f"ConvNeXt of {_dashed(options['channels'])} channels",
    layouts=(Layout("original", ("downsample_layers.0.0.weight", "stages.0.0.gamma"), str, r"(head|norm)\..+"),),
    fresh=r"norm[0-3]\.(weight|bias)",
)
KINDS = (RESNET, SWIN, CONVNEXT)
"""
# File -> the line that is replaced, and what takes its place.
ADDED = {
    "vita/blocks/backbone.py": ("AnyBackbone = ", OPTIONS),
    "vita/official/checkpoints/backbone_kinds.py": ("KINDS = ", FILES),
}


def test_a_new_backbone_trains_and_its_published_file_is_read(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "vita", tmp_path / "vita", ignore=shutil.ignore_patterns("__pycache__"))
    for name, (start, added) in ADDED.items():
        lines = (tmp_path / name).read_text().splitlines(keepends=True)
        (place,) = [number for number, line in enumerate(lines) if line.startswith(start)]
        (tmp_path / name).write_text("".join([*lines[:place], added, *lines[place + 1 :]]))
    script, path = Path(__file__).with_name("new_backbone.py"), {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, script, tmp_path / "convnext.pth"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **path}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
