"""An ASGI application on a port, in a thread of this process: for tests, local use and Ray Serve replicas."""

import asyncio
import re
import socket
import threading
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlray.errors import UnavailableError

__all__ = ["Running", "free_port", "run"]

_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)


class _Http(HttpToolsProtocol):
    """HTTP/1.1 that overhears the wish for HTTP/2.

    Java's own client utters it with every request (`Upgrade: h2c`). A server may ignore that, but the parser underneath
    stops at the header and takes the body that follows for a broken request. JSON cannot hold these bytes, so bodies
    are safe.
    """

    def data_received(self, data: bytes) -> None:
        """Parse what has come, without the header."""
        super().data_received(_UPGRADE.sub(b"", data) if b"h2c" in data else data)


class Running:
    """A server that answers until `stop` is called."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket, thread: threading.Thread) -> None:
        """Keep the parts; made by `run`."""
        self._server, self._thread = server, thread
        self.host, self.port = listener.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where it answers, such as `http://127.0.0.1:8000`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the server's thread still runs."""
        return self._thread.is_alive()

    def stop(self, *, seconds: float = 10.0) -> None:
        """Close the listener, let open requests finish, and end the thread; after `seconds` what is left is cut off."""
        self._server.should_exit = True
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(seconds)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def run(app: Any, *, host: str = "127.0.0.1", port: int = 0, shared: bool = False) -> Running:
    """Serve `app` (which has been started) on host and port (0 takes a free one); returns once it accepts connections.

    Args:
        app: An ASGI application.
        host: The address to listen on; loopback unless told otherwise.
        port: The port.
        shared: Let several processes listen on the same port; the kernel spreads connections over them.

    Raises:
        UnavailableError: the port is taken.
    """
    listener = socket.socket(_family(host))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UnavailableError(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            remedy="Set serving.port to another one, or to 0.",
        ) from error
    listener.listen(2048)
    # The accept queue exists from here on: a client that connects before the loop runs waits and is answered.
    config = uvicorn.Config(
        app,
        http=_Http,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=_serve, args=(server, listener), name=f"http-{listener.getsockname()[1]}", daemon=True
    )
    thread.start()
    return Running(server, listener, thread)


def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    with listener, asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
