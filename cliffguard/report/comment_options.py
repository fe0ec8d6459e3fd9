"""The id and the link of a comment on a pull request: what people give, kept in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from cliffguard.core.errors import UsageError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.texts import cut_middle

_MOST_ID = 64  # characters
_MOST_URL = 600  # bytes: a signed address is longer, and a secret
_ID = re.compile(r"[A-Za-z0-9](?:[._-]?[A-Za-z0-9])*")  # never "--", which may end a comment
_PAGE = re.compile(r"(?i:https?)://[^/?#@]+(?![^/?#])")  # no password before the host


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOptions:
    """What a comment shows beside its review.

    `comment_id` tells comments of several gates apart (None: by the candidate's name); `report_url`
    is where the whole report is to be read, and `url_from` the flag or variable that says so.
    Raises UsageError for an id or an address that could break out of its place.
    """

    comment_id: str | None = None
    report_url: str | None = None
    url_from: str = "--report-url"

    def __post_init__(self) -> None:
        if self.comment_id and not is_safe(self.comment_id):
            raise UsageError(
                f"--comment-id {cut_middle(self.comment_id)!r}: take letters, digits and single "
                f". _ - between them, {_MOST_ID} characters at most",
                id="comment.id",
            )
        if self.report_url:
            link_target(self.report_url, self.url_from)


def is_safe(comment_id: str) -> bool:
    """Return whether an id can stand in an HTML comment and in a query, and means nothing there."""
    return len(comment_id) <= _MOST_ID and _ID.fullmatch(comment_id) is not None


def default_id(name: str) -> str:
    """Return the id of a name: itself where it is safe, else its letters and a digest of it."""
    if is_safe(name):
        return name
    words = "-".join(re.findall(r"[A-Za-z0-9]+", name))[:40].rstrip("-")
    return f"{words}-{sha256_of_text(name)[:8]}".lstrip("-")


def link_target(url: str, source: str = "--report-url") -> str:
    """Return an address as the target of a link: nothing of it can end the link.

    `source` is the flag or variable that it is of. Raises UsageError for what is no address of a
    page, or has a password in it.
    """
    is_plain = url.isprintable() and " " not in url
    safe = quote(url, safe=":/?#&=+,;~%@!.-_").replace("&", "&amp;") if is_plain else ""
    if not _PAGE.match(safe) or len(safe) > _MOST_URL:
        raise UsageError(
            f"{source} {cut_middle(url)!r}: give an address that begins with http:// or "
            f"https://, without spaces and passwords, of {_MOST_URL} characters at most",
            id="comment.url",
        )
    return safe
