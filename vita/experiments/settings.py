"""Keys of a tier that are set on a command line: they make a tier of its own, which names what it changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from vita.core import settings
from vita.core.contract import UserError
from vita.core.files import write_text
from vita.core.names import is_name
from vita.core.settings import OPTION
from vita.experiments.config import Options, TierConfig
from vita.experiments.reading import load_tier

TIERS = Path("results/tiers")
DIGITS = 6  # of the digest in a name


def read_settings(words: Sequence[str]) -> Options:
    """Keys and values of `key=value`, as `vita.core.settings` reads them.

    Raises UserError as that does, and on a key that a command line may not set.
    """
    found = settings.read_settings(words, "seeds=3 or schedules.clips.iterations=100")
    if "extends" in found:
        raise UserError(f"{OPTION} extends: another tier is chosen by --tier")
    return found


def tier_with_settings(tier_file: Path, library: Path, settings: Options, root: Path = Path()) -> Path:
    """A tier's file that extends `tier_file` and has these settings, in results/tiers/ below `root`.

    It has a name of its own, since what is made in it is not of the other tier; the setting `tier` gives another.
    Without settings it is `tier_file` itself. Raises UserError on a setting that the tier's schema does not allow,
    before anything is written.
    """
    if not settings:
        return tier_file
    base = load_tier(tier_file, library)
    load_tier(tier_file, library, settings)
    text = json.dumps([base.tier, settings], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    file = root / TIERS / f"{_name(base, settings, digest)}.yaml"
    there = os.path.relpath(tier_file.resolve(), file.parent.resolve())
    extends = there if tier_file.resolve().is_relative_to(root.resolve()) else str(tier_file.resolve())
    content = {"extends": extends, "tier": file.stem} | settings
    write_text(file, f"# {base.tier}, with what a command line set\n{yaml.safe_dump(content, sort_keys=False)}")
    return file


def _name(base: TierConfig, settings: Options, digest: str) -> str:
    """The tier that it stands on and the keys that differ, for people; the digest tells apart what they do not."""
    name = "-".join([base.tier, *(key for key in settings if key != "tier"), digest])
    return name if is_name(name) else f"{base.tier}-{digest}"
