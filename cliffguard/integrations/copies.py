"""Copies of what a trainer holds: made anew of the same arguments, in this process or another."""

from __future__ import annotations

from typing import Any, TypeVar

C = TypeVar("C", bound="CopiedAnew")


class CopiedAnew:
    """A callback whose copies and pickles are new ones of the same arguments, without a run.

    A search for hyperparameters copies its trainer, or sends it to other processes: there the copy
    belongs to the copy of the trainer. A copy of the callback alone belongs to none. Each object is
    of a class of its own, made of that which people name.
    """

    trainer: Any

    def arguments(self) -> dict[str, Any]:
        """Return what another one like this is made of, by the names of its parameters."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how it is made, and apart from that its trainer, which may hold it in turn."""
        return made_anew, (type(self).__bases__[0], self.arguments()), {"trainer": self.trainer}

    def __deepcopy__(self: C, memo: dict[int, Any]) -> C:
        """Return one of the copied trainer, where that is what is copied, else of none."""
        copied: C = made_anew(type(self).__bases__[0], self.arguments())
        copied.trainer = memo.get(id(self.trainer))
        memo[id(self)] = copied
        return copied

    def __copy__(self: C) -> C:
        """Return one of no trainer."""
        return self.__deepcopy__({})


def made_anew(named: type[Any], arguments: dict[str, Any]) -> Any:
    """Return an object of a class by the arguments of `CopiedAnew.arguments`."""
    return named(**arguments)
