"""Into a bucket: a large archive and two hundred small generations, against the clients that people use; memory."""

import os
import pathlib
import re
import subprocess

import boto3
import botocore.config
from measure import interleave, ms, run

SERVERS = pathlib.Path(__file__).resolve().parents[2] / "tests/servers"
KEY, SECRET, BUCKET = "AKLOCALMAIN000000001", "localSecretMain/0000000000000000000000+1", "bench"


class Server:
    """RADOS Gateway, with one bucket that is emptied after each round."""

    def __init__(self, top):
        self.top = top / "rgw"

    def __enter__(self):
        up = subprocess.run([SERVERS / "radosgw-up", self.top, "0"], env={**os.environ, "RGW_KEY": KEY, "RGW_SECRET": SECRET}, check=True,
                            capture_output=True, text=True)
        self.endpoint = re.search(r"S3_ENDPOINT=(\S+)", up.stdout)[1]
        self.host = self.endpoint.removeprefix("http://")
        self.env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1",
                    "RCLONE_CONFIG_R_TYPE": "s3", "RCLONE_CONFIG_R_PROVIDER": "Ceph", "RCLONE_CONFIG_R_ENDPOINT": self.endpoint,
                    "RCLONE_CONFIG_R_ACCESS_KEY_ID": KEY, "RCLONE_CONFIG_R_SECRET_ACCESS_KEY": SECRET}
        self.client = boto3.client("s3", endpoint_url=self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                                   region_name="us-east-1", config=botocore.config.Config(s3={"addressing_style": "path"}))
        self.client.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *_):
        subprocess.run([SERVERS / "radosgw-down", self.top], check=True)

    @staticmethod
    def clean(env):
        """Without what the machine says of other buckets."""
        return {name: value for name, value in env.items() if name not in ("AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "S3_BUCKET")}

    def empty(self):
        """How many objects there were."""
        count = 0
        while found := self.client.list_objects_v2(Bucket=BUCKET).get("Contents"):
            self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": o["Key"]} for o in found]})
            count += len(found)
        return count


def store_with(b, sizes):
    """A store, and a folder with the same archives as files."""
    store, plain = b.store(), b.new("plain")
    for number, size in enumerate(sizes):
        folder = b.new("tree")
        folder.mkdir()
        with open(folder / "noise", "wb") as out:
            for at in range(0, size, 1 << 20):
                out.write(os.urandom(min(1 << 20, size - at)))
        b.run("import", folder, "--app-name", "a", store=store)
        (plain / str(number)).mkdir(parents=True)
        b.run("get", "-", "-o", plain / str(number) / "app.tar.gz", store=store)
        (plain / str(number) / "metadata.json").write_text("{}" * 240)
        subprocess.run(["rm", "-r", folder], check=True)
    b.run("config", "set", "s3.bucket", BUCKET, store=store)
    return store, plain


def compare(b, server, what, sizes):
    store, plain = store_with(b, sizes)
    env = server.clean({**b.env, **server.env})
    s3cmd = ["s3cmd", "--quiet", f"--host={server.host}", f"--host-bucket={server.host}", "--no-ssl", f"--access_key={KEY}", f"--secret_key={SECRET}"]

    def client(argv):
        took = run(argv, env=env)
        if server.empty() != 2 * len(sizes):
            raise SystemExit(f"{argv[0]} did not send everything")
        return took

    def ours():
        copy = b.new("store")
        subprocess.run(["cp", store, copy], check=True)
        took = client([b.program, "--store", copy, "--quiet", "sync", "--all"])
        copy.unlink()
        return took

    m = interleave({
        "genstore": ours,
        "aws": lambda: client(["aws", "--endpoint-url", server.endpoint, "s3", "cp", "--quiet", "--recursive", plain, f"s3://{BUCKET}/x"]),
        "rclone": lambda: client(["rclone", "copy", "--s3-no-check-bucket", "--config", "/dev/null", plain, f"R:{BUCKET}/x"]),
        "s3cmd": lambda: client([*s3cmd, "put", "--recursive", f"{plain}/", f"s3://{BUCKET}/x/"])})
    fastest = min((name for name in m if name != "genstore"), key=lambda name: m[name].wall)
    figures = ", ".join(f"{name} {ms(took)}" for name, took in m.items())
    b.table.row(f"{what}: time, of the fastest client ({fastest})", m["genstore"].wall / m[fastest].wall, 1.0, figures)
    b.table.row("the same, CPU", m["genstore"].cpu / m[fastest].cpu, 0.5)


def sync(b, large, huge):
    with Server(b.top) as server:
        b.table.section("Into a bucket (RADOS Gateway)")
        compare(b, server, f"an archive of {large / 1e6:.0f} MB", [large])
        compare(b, server, "200 generations of 20 KB", [20_000] * 200)
        store, _ = store_with(b, [huge])
        took = run([b.program, "--store", store, "--quiet", "sync", "--all"], env=server.clean({**b.env, **server.env}), memory=True)
        b.table.row(f"memory while an archive of {huge / 1e6:.0f} MB goes, MiB", took.memory / (1 << 20), 64, ms(took))
