"""The token of a workspace's own Ray: in a file of the workspace, for its owner only."""

import re
import secrets
from pathlib import Path

from mlray.errors import AccessDenied
from mlray.security._private import create_private, private_folder, read_private

__all__ = ["ray_token"]

NAME = "ray_token"
_SHAPE = re.compile(rb"[0-9a-f]{64}\n?")


def ray_token(folder: Path) -> Path:
    """Return the file with the token (64 hexadecimal digits, mode 600) in `folder`, made on first use.

    Point `RAY_AUTH_TOKEN_PATH` at it and set `RAY_AUTH_MODE=token` before Ray is imported: left alone, Ray writes one
    token for all of a user's clusters to the home folder, for everybody to read.

    Raises:
        AccessDenied: others may read folder or file, or the file holds something else.
    """
    file = private_folder(folder) / NAME
    if not file.exists():
        create_private(file, secrets.token_hex(32).encode())
    if not _SHAPE.fullmatch(read_private(file)):
        raise AccessDenied(
            f"{file} does not hold a token of 64 hexadecimal digits.", remedy="Remove it; the next start makes one."
        )
    return file
