"""Ten thousand generations back from a bucket: requests in parallel against one after the other, here and 20 ms away."""

import asyncio
import concurrent.futures
import hashlib
import json
import threading

from measure import ms, run
from sync import BUCKET, Server

DELAY_S = 0.02
# With a limit that is never reached a program sends one request at a time (man page, s3.bandwidth).
ONE_BY_ONE = ["--set", "s3.bandwidth=100G"]


class Far:
    """A proxy in front of a server: what either side says reaches the other 20 ms later."""

    def __init__(self, host):
        self.host, self.port = host.split(":")
        self.loop = asyncio.new_event_loop()

    async def forward(self, reader, writer):
        while data := await reader.read(1 << 16):
            self.loop.call_later(DELAY_S / 2, writer.write, data)
        self.loop.call_later(DELAY_S / 2, writer.close)

    async def connected(self, reader, writer):
        there = await asyncio.open_connection(self.host, self.port)
        await asyncio.gather(self.forward(reader, there[1]), self.forward(there[0], writer), return_exceptions=True)

    def __enter__(self):
        self.server = self.loop.run_until_complete(asyncio.start_server(self.connected, "127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def fill(b, server, count):
    """One generation's objects under so many request ids, each with a number of its own."""
    store, folder = b.store(), b.new("tree")
    folder.mkdir()
    (folder / "f").write_text("x")
    b.run("import", folder, "--app-name", "app", store=store)
    run([b.program, "--store", store, "--quiet", "--set", f"s3.bucket={BUCKET}", "sync", "--all"], env=server.clean({**b.env, **server.env}))
    archive, template = (o["Key"] for o in server.client.list_objects_v2(Bucket=BUCKET)["Contents"])
    data, metadata = (server.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in (archive, template))
    metadata = json.loads(metadata)
    server.empty()

    def put(number):
        request = f"req_{hashlib.sha256(str(number).encode()).hexdigest()[:12]}".translate(str.maketrans("0189", "ghij"))
        mine = {**metadata, "request_id": request, "generation_number": number}
        server.client.put_object(Bucket=BUCKET, Key=f"generations/{request}/app.tar.gz", Body=data)
        server.client.put_object(Bucket=BUCKET, Key=f"generations/{request}/metadata.json", Body=json.dumps(mine).encode())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(1, count + 1)))


def recover(b, server, endpoint, *options):
    store = b.store()
    env = server.clean({**b.env, **server.env, "AWS_ENDPOINT_URL": endpoint})
    took = run([b.program, "--store", store, "--quiet", *options, "recover", f"s3://{BUCKET}"], env=env)
    store.unlink()
    return took


def recovering(b, count):
    with Server(b.top) as server, Far(server.host) as far:
        fill(b, server, count)
        b.table.section(f"{count:,} generations back from a bucket (RADOS Gateway): in parallel, how many times as fast as one after the other")
        for what, endpoint, target in (("on loopback", server.endpoint, 1.5), ("20 ms away", far.endpoint, 8)):
            one, many = recover(b, server, endpoint, *ONE_BY_ONE), recover(b, server, endpoint)
            b.table.row(what, one.wall / many.wall, target, f"{ms(one)}; {ms(many)}", more=True)
