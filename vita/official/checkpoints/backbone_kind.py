"""What there is to say of a kind of backbone, so that its published files can be read and written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from vita.blocks.backbone import BackboneOptions
from vita.official.checkpoints.names import Rules
from vita.official.checkpoints.sizes import Config, Fixed, Sizes


@dataclass(frozen=True)
class Layout:
    """How one program calls the tensors of a backbone alone.

    held: names that every such file has; official: name -> official name, None for an unknown one; unused: a pattern
    of whole names; author: who made such files, where the layout alone tells.
    """

    program: str
    held: Collection[str]
    official: Callable[[str], str | None]
    unused: str
    author: str | None = None


@dataclass(frozen=True)
class Configured:
    """How released configuration files ask for a kind of backbone."""

    name: str  # MODEL.BACKBONE.NAME
    section: str  # what the keys about its sizes begin with
    fixed: Fixed  # variants that can be asked for: key -> values that ours can be
    run_name: Callable[[Config], str]  # configuration -> the backbone's name for folders and tables


def no_constants(_named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """There are none."""
    return {}


@dataclass(frozen=True)
class BackboneKind:
    """One kind. Official names are those of the released state dicts, without what stands before the backbone's."""

    options: type[BackboneOptions]
    rules: Rules  # names of the library's module -> official ones
    first: str  # official name of a tensor that every such backbone has, and no other kind
    # Options from shapes under official names and, where the release has such a backbone, from its configuration.
    read_options: Callable[[Sizes], dict[str, Any]]
    words: Callable[[Mapping[str, Any]], str]  # options -> the usual name; UserError where a file is not whole
    layouts: tuple[Layout, ...] = ()
    saved: Mapping[str, Any] = field(default_factory=dict)  # config.json of transformers: the values that ours has
    unused: tuple[str, ...] = ()  # parts of the library's names, of tensors that are of no use here
    fresh: str = r"(?!)"  # pattern of official names that a classifier lacks; they start as the identity
    constants: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = no_constants  # tensors -> what follows from sizes
    configured: Configured | None = None  # None where no released configuration asks for this kind

    @property
    def name(self) -> str:
        """The value of `kind` among our options, and `model_type` of transformers."""
        kind: str = self.options.model_fields["kind"].annotation.__args__[0]  # type: ignore[union-attr]
        return kind
