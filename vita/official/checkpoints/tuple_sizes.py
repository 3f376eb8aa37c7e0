"""How many objects the tuples of a pickle unfold to, followed opcode by opcode without making any of them."""

from __future__ import annotations

import pickletools
from typing import Any

MOST_IN_TUPLE = 2**20  # objects; those of checkpoints are shapes, and what tensors are made of
PUTS, GETS, MARK = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), ("GET", "BINGET", "LONG_BINGET"), 0


class ExcessiveError(Exception):
    """A file asks for far more memory or time than what it holds needs."""


class TupleSizes:
    """What lies on a pickle's stack, each by how many objects a look at all of it meets; only tuples count their own.

    A tuple that holds another one twice, and so on, is small in the file; as a key it is hashed, all of it.
    """

    def __init__(self) -> None:
        self._stack: list[int] = []  # MARK stands for the opcode
        self._table: dict[int, int] = {}  # by place

    def follow(self, code: pickletools.OpcodeInfo, argument: Any) -> None:
        """Take one opcode. Raises ExcessiveError at too large a tuple, ValueError where the stack is too small."""
        if code.name in PUTS:
            self._table[len(self._table) if argument is None else int(argument)] = self._top()
        elif code.name in GETS:
            self._stack.append(self._table[int(argument)])
        elif code.name == "DUP":
            self._stack.append(self._top())
        else:
            taken = self._take(code)
            size = 1 + sum(taken) if code.name.startswith("TUPLE") else 1
            if size > MOST_IN_TUPLE:
                raise ExcessiveError(f"a tuple of more than {MOST_IN_TUPLE} objects")
            self._stack += [MARK if kind is pickletools.markobject else size for kind in code.stack_after]

    def _take(self, code: pickletools.OpcodeInfo) -> list[int]:
        """What the opcode takes from the stack; one that takes a slice takes it with its mark."""
        wanted = [kind for kind in code.stack_before if kind not in (pickletools.markobject, pickletools.stackslice)]
        taken: list[int] = []
        if pickletools.stackslice in code.stack_before:
            while (size := self._pop()) != MARK:
                taken.append(size)
            wanted = [] if code.name == "OBJ" else wanted
        return taken + [self._pop() for _ in wanted]

    def _pop(self) -> int:
        if not self._stack:
            raise ValueError("more is taken than there is")
        return self._stack.pop()

    def _top(self) -> int:
        self._stack.append(size := self._pop())
        return size
