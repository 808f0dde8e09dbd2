"""prober.py ADDRESS PORT: one TCP connection and GET every 10 ms, open loop, until standard input ends.

A probe is good when its answer is complete within 200 ms. Prints "ready" after the first good one, and at the end a line for each, in the
order of their start: seconds on the monotonic clock, 1 or 0, and who answered or why not.
"""
import asyncio
import sys
import time

EVERY = 0.010
LIMIT = 0.200


async def ask(address, port):
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"GET / HTTP/1.0\r\nHost: probe\r\n\r\n")
        answer = await reader.read(-1)
        head, _, body = answer.partition(b"\r\n\r\n")
        if head[9:12] != b"200" or not body:
            raise OSError("cut short")
        return body.decode()
    finally:
        writer.transport.abort()


async def probe(address, port):
    started = time.monotonic()
    try:
        return started, 1, await asyncio.wait_for(ask(address, port), LIMIT)
    except asyncio.TimeoutError:
        return started, 0, "timeout"
    except OSError as error:
        return started, 0, type(error).__name__


async def main():
    address, port = sys.argv[1], int(sys.argv[2])
    first = await probe(address, port)
    while not first[1]:  # it begins with a service that works
        first = await probe(address, port)
    print("ready", flush=True)
    stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    probes = []
    due = time.monotonic()
    while not stop.done():
        probes.append(asyncio.create_task(probe(address, port)))
        due += EVERY
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    for started, good, what in [first, *await asyncio.gather(*probes)]:
        print(f"{started:.4f} {good} {what}")


asyncio.run(main())
