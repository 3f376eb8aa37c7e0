"""What the category ids of a results file mean: the data set's own ids, or the names of a code base's class list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vita.core.config_base import read_yaml
from vita.core.contract import UserError
from vita.core.files import read_json, read_text
from vita.data.masks.rle import short
from vita.data.value_limits import is_id
from vita.evaluation.readers.id_shift import shift_in_words, shift_that_fits

HELP = "name the code base's class list with --categories"


@dataclass(frozen=True)
class CategoryIds:
    """How category ids of files become the data set's. by: in words.  ids: None where a category has no counterpart.

    Ids that are not in `ids` are unknown.
    """

    by: str
    ids: Mapping[int, int | None]
    names: Mapping[int, str]  # of the files' ids, for messages


def own_ids(categories: Mapping[int, str]) -> CategoryIds:
    """Files that have the data set's ids, as official results do."""
    return CategoryIds("ids", {key: key for key in categories}, categories)


def ids_by_name(class_list: Path, first: int, categories: Mapping[int, str]) -> CategoryIds:
    """Files that have the ids of a class list: its names are looked for among the data set's.

    Names are compared without regard to case, and to spaces, hyphens and underscores. first: the id of the first name,
    for lists without ids. Raises UserError when the list is not readable, or no name of it, or two of its names, are
    of one category.
    """
    listed = read_class_list(class_list, first)
    known = {_plain(name): key for key, name in categories.items()}
    if len(known) < len(categories):
        raise UserError(f"{class_list}: the data set has two categories of one name; results cannot be told by names")
    repeated = [name for name, count in Counter(map(_plain, listed.values())).items() if count > 1]
    if repeated:
        raise UserError(f"{class_list}: '{repeated[0]}' stands there twice; each category needs a name of its own")
    ids = {key: known.get(_plain(name)) for key, name in listed.items()}
    if not any(key is not None for key in ids.values()):
        raise UserError(
            f"{class_list}: none of its {len(listed)} names ({_some(listed.values())}) is among the data set's "
            f"({_some(categories.values())}); is it the list of another data set?"
        )
    return CategoryIds(f"names of {class_list.name}", ids, listed)


def read_class_list(path: Path, first: int) -> dict[int, str]:
    """Names by id: of a file with `categories` (annotations, a data-set YAML), a mapping, a list, or a line a name.

    Raises UserError when the file is missing or none of these.
    """
    if path.suffix == ".json":
        content = read_json(path)
    elif path.suffix in (".yaml", ".yml"):
        content = read_yaml(path)
    else:
        content = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if isinstance(content, dict) and "categories" in content:
        content = content["categories"]
    found = _named(content, first)
    if not found or not all(is_id(key) and isinstance(name, str) and name for key, name in found):
        raise UserError(
            f"{path}: not a class list; it is a line a name, a JSON or YAML list of names, a mapping of ids to names, "
            "or a file with `categories`, each with `id` and `name`"
        )
    if len(dict(found)) < len(found):
        raise UserError(f"{path}: an id stands there twice; each category needs an id of its own")
    return dict(found)


def _named(content: Any, first: int) -> list[tuple[Any, Any]]:
    if isinstance(content, dict):
        return [(int(key) if str(key).isdigit() else key, name) for key, name in content.items()]
    if not isinstance(content, list):
        return []
    if all(isinstance(one, dict) for one in content):
        return [(one.get("id"), one.get("name")) for one in content]
    return list(enumerate(content, start=first))


def explain_unknown(unknown: Mapping[int, int], used: Iterable[int], given: CategoryIds) -> str:
    """What is wrong with category ids that are not known, with the shift that would mend all of them, if one does.

    unknown: number of tracks by id.  used: all ids of the file.
    """
    used = sorted(used)
    shift = shift_that_fits(used, given.ids)
    what = f"category ids {_some(map(str, unknown))} are not known ({sum(unknown.values())} tracks); "
    if shift is None:
        known = ", ".join(f"{key} {name}" for key, name in list(given.names.items())[:5])
        return f"{what}known are {known}{', ...' if len(given.names) > 5 else ''}; {HELP}"
    told = shift_in_words(shift)
    if given.by == "ids":
        return f"{what}{told}; ids are never shifted unasked: {HELP}, and --first-category {min(given.ids) - shift}"
    return f"{what}{told}; say so with --first-category {min(given.names) - shift}"


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()


def _some(names: Iterable[str]) -> str:
    listed = [short(name) if len(name) > 60 else name for name in names]
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
