"""Azure's blobs on this machine, for the contract of stores: Azurite, where its command is installed.

npm install --global azurite
"""

import base64
import hashlib
import hmac
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

__all__ = ["ACCOUNT", "KEY", "azurite", "blobs"]

# The account that every Azurite has, with the key that its documentation prints.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def azurite() -> str:
    """Return the command that starts it; empty where there is none."""
    return shutil.which("azurite-blob") or ""


@contextmanager
def blobs(container: str, folder: Path) -> Iterator[str]:
    """Start it, make a container, and lend the address of the account until the end."""
    told = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--location", str(folder)]
    server = subprocess.Popen(
        [azurite(), *told, "--skipApiVersionCheck", "--disableTelemetry"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        line = next(line for line in server.stdout if "successfully listens on " in line)
        address = f"{line.rpartition('listens on ')[2].strip()}/{ACCOUNT}"
        _make(address, container)
        yield address
    finally:
        server.terminate()
        server.communicate()


def _make(address: str, container: str) -> None:
    headers = {"x-ms-date": f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S} GMT", "x-ms-version": "2021-12-02"}  # noqa: TID251 (the server compares it with its own)
    signed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = f"PUT{12 * chr(10)}{signed}/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
    headers["authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    httpx.put(f"{address}/{container}?restype=container", headers=headers).raise_for_status()
