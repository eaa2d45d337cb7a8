"""Passwords and tokens in addresses: masked in everything that is written or sent.

`hide` is called where an address comes in: the command line, the configuration, the environment.
From then on the program holds ``http://***@host``. The whole address stays in the environment of
this process and of the processes it starts; only code that connects asks for it, with `reveal`.
"""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path

MASK = "***"

_KNOWN = "YOURVECTORS_SECRETS"  # masked address -> whole address, as JSON
_SCHEME = r"[A-Za-z][\w+.-]*\\?://"  # Hydra writes a backslash before a colon
_HOST = r"(?:\[[^\]\s]*\]|[^\s/@:?#\\]*)(?:\\?:\d+)?(?:[/?#\s]|$)"
# All up to the last @, for a password may hold anything: rather too much than too little.
_USER = re.compile(rf"({_SCHEME})(?!{_HOST})(?:(?!{_SCHEME})\S)*@")
_ADDRESS = re.compile(rf"{_SCHEME}(?:(?!,{_SCHEME})\S)+")
_PARAMETER = re.compile(
    r"([?&#;][^=&#;\s'\"]*(?:token|key|secret|passw|pwd|signature|sig|credential|auth)[^=&#;\s'\"]*=)"
    r"[^&#;\s'\"]+",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Replace user, password and token of every address in a text by ``***``.

    >>> mask("http://me:word@host:5000 and https://host/file?token=abc&size=5")
    'http://***@host:5000 and https://host/file?token=***&size=5'
    """
    return _PARAMETER.sub(rf"\g<1>{MASK}", _USER.sub(rf"\g<1>{MASK}@", text))


def hide(text: str) -> str:
    """Mask the addresses of a text, and remember them whole for `reveal`."""
    masked = mask(text)
    if masked != text:
        found = _ADDRESS.findall(text)
        whole = [*found, *(address.rstrip("'\")]") for address in found)]  # quoted, or a list
        known = _known() | {mask(address): address for address in whole if mask(address) != address}
        os.environ[_KNOWN] = json.dumps(known)
    return masked


def reveal(address: str) -> str | None:
    """Return the whole address of a masked one; None if this process was not given it."""
    return _known().get(address) if MASK in address else address


def _known() -> dict[str, str]:
    known: dict[str, str] = json.loads(os.environ.get(_KNOWN, "{}"))
    return known


def mask_files(folder: Path, pattern: str) -> None:
    """Mask text files that another program has written."""
    for path in folder.glob(pattern):
        text = path.read_text("utf-8")
        if mask(text) != text:
            path.write_text(mask(text), "utf-8")


class MaskingFormatter(logging.Formatter):
    """Masks what is logged, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line or lines of a record."""
        return mask(super().format(record))
