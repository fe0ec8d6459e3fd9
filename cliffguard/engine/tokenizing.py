"""A tokenizer is a program of a stranger too: it may give up in the middle of a prompt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cliffguard.errors import IntegrityError


@contextlib.contextmanager
def panics_explained(name: str) -> Iterator[None]:
    """Turn a panic of the tokenizers library, which is no Exception, into an error of ours."""
    try:
        yield
    except BaseException as failure:
        if type(failure).__name__ != "PanicException":
            raise
        raise IntegrityError(
            f"{name}: its tokenizer gave up on a prompt: {failure}; save the tokenizer that the "
            "model was trained with",
            id="tokenizer.gave-up",
        ) from failure
