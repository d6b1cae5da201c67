# SPDX-License-Identifier: AGPL-3.0-only
"""
An older exam system that answers at once and keeps connections open: ``python -m benchmarks.older_system PORT``.

It knows two things: access tokens, and that nobody has an active attempt.
"""

import asyncio
import json
import sys
from typing import Final

_TOKEN: Final = json.dumps({"access_token": "benchmark", "expires_in": 36000, "token_type": "JWT"}).encode()


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it is closed."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
            await reader.readexactly(int(headers.get(b"content-length", b"0")))
            writer.write(_response(_TOKEN if b"access_token" in head.split(b"\r\n")[0] else b"{}"))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    """Serve on loopback until the process is ended."""
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
