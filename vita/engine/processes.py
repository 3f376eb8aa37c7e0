"""The processes that train one model together, and what they tell each other beside gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch.distributed as dist
from accelerate import PartialState
from torch import nn

from vita.core.contract import UserError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """All processes of one training; `rank` is this one's number, the first is the main one.

    group: on which they talk from host to host, whatever their devices; None where there is only one.
    """

    count: int = 1
    rank: int = 0
    group: Any = None

    @classmethod
    def of(cls, state: PartialState) -> Processes:
        """Those that a launcher started, or this one alone. All of them have to ask."""
        # Long enough for one that waits for another job's end; who dies is noticed at once.
        group = dist.new_group(backend="gloo", timeout=timedelta(days=30)) if state.num_processes > 1 else None
        return cls(state.num_processes, state.process_index, group)

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, items: Sequence[Value]) -> Sequence[Value]:
        """What of the items is this process's: every `count`-th."""
        return items[self.rank :: self.count]

    def gather(self, share: Value | UserError) -> list[Value]:
        """The shares of all processes, in order. Raises UserError in all of them where one has an error to share."""
        if self.group is None:
            shares: list[Any] = [share]
        else:
            shares = [None] * self.count
            dist.all_gather_object(shares, share, group=self.group)
        for one in shares:
            if isinstance(one, UserError):
                raise one
        return shares

    def together(self, share: Sequence[Value] | UserError) -> list[Value]:
        """All items, in order, from what every process has of them; the inverse of `share`. Errors as of `gather`."""
        everyone = self.gather(share)
        longest = max(len(one) for one in everyone)
        return [one[k] for k in range(longest) for one in everyone if k < len(one)]

    def copy_buffers(self, model: nn.Module) -> None:
        """Give all processes the statistics of the main one's trained norms, which are those that a run keeps."""
        if self.group is not None:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)


ALONE = Processes()


def check_launcher(environment: Mapping[str, str]) -> None:
    """Raises UserError where accelerate started one process of the several that it was asked for."""
    if "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_PORT" in environment and "RANK" not in environment:
        raise UserError(
            "accelerate launch was asked for several processes, and started one: on CPUs it starts several through MPI "
            "alone. Use `vita train --processes N`, or `torchrun --nproc-per-node N -m vita train`"
        )
