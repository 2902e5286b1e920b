"""Generations into a bucket: what gets there, read back by clients that are not ours, and what is told meanwhile."""

import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading

import pytest

MIB = 1 << 20


def test_a_generation_is_in_the_bucket_as_the_store_has_it(genstore, bucket, made, synced, tmp_path):
    req = made()
    r = genstore("sync", req)
    assert r.out == f"{req}  s3://{bucket.name}/generations/{req}/\n"
    synced(bucket, req)
    env = {**os.environ, **genstore.env, "AWS_REGION": "us-east-1"}
    aws = shutil.which("aws", path="/usr/bin")
    subprocess.run([aws, "--endpoint-url", bucket.server.endpoint, "s3", "cp", f"s3://{bucket.name}/generations/{req}/", tmp_path / "got",
                    "--recursive", "--quiet"], env=env, check=True, timeout=60)
    assert (tmp_path / "got/app.tar.gz").read_bytes() == genstore("get", req, "-o", "-").stdout
    meta = json.loads((tmp_path / "got/metadata.json").read_bytes())
    assert (meta["request_id"], meta["generation_number"]) == (req, 1)
    shown, = genstore("show", req, "--json").json
    assert shown["s3_path"] == f"generations/{req}/app.tar.gz" and shown["sync"] == "synced"
    assert f"sync:            synced, s3://{bucket.name}/generations/{req}/" in genstore("show", req).out


def test_the_archive_goes_first_and_metadata_last_once_each(genstore, bucket, proxy, made, synced):
    req = made()
    genstore("sync", req)
    assert [r.path.split("?")[0].rsplit("/", 1)[-1] for r in proxy.requests("PUT")] == ["app.tar.gz", "metadata.json"]
    put = proxy.requests("PUT")[0]
    assert put.headers["if-none-match"] == "*"
    assert {"content-md5", "x-amz-checksum-sha256", "x-amz-content-sha256"} <= put.headers.keys()
    genstore("sync", req)
    genstore("sync", "--all")
    assert len(proxy.requests("PUT")) == 2
    synced(bucket, req)


def test_what_is_synced_already_is_told_again(genstore, bucket, made):
    req = made()
    first = genstore("sync", req)
    assert genstore("sync", req).out == first.out
    told = genstore("sync", req, "--json").json
    assert [o["message_type"] for o in told] == ["sync", "summary"]
    assert (told[0]["request_id"], told[0]["state"], told[1]["synced"]) == (req, "synced", 0)


@pytest.mark.parametrize("size", [0, 17 * MIB])
def test_a_server_without_conditions_gets_it_by_what_was_looked_up(genstore, bucket, proxy, answers, made, synced, size):
    req = made(size)
    refused = lambda _: answers.error("501 Not Implemented", "NotImplemented")  # noqa: E731
    proxy.plan.update({1: refused} if not size else {5: refused})
    genstore("sync", req)
    ends = [r for r in proxy.log if r.method in ("PUT", "POST") and "partNumber" not in r.path and "uploads" not in r.path]
    assert ["if-none-match" in r.headers for r in ends] == [True, False, True]
    synced(bucket, req)


def test_keys_that_may_not_list_are_enough_to_send(genstore, bucket, proxy, answers, made, synced):
    req = made()
    proxy.plan[0] = lambda _: answers.error("403 Forbidden", "AccessDenied")
    genstore("sync", req)
    synced(bucket, req)


def test_nothing_is_sent_before_a_bucket_is_configured(genstore, bucket, proxy, made):
    req = made()
    genstore("config", "rm", "s3.bucket")
    r = genstore("sync", req, code=1)
    assert "no bucket is configured; 'genstore config set s3.bucket NAME'" in r.err
    assert genstore("generate", "--app-name", "x", "--prompt", "y", "--to", "s3", code=1).err.count("no bucket is configured") == 1
    assert proxy.log == []
    state, = genstore("status", req, "--json").json
    assert state["sync"] == "queued"
    genstore("config", "set", "s3.bucket", bucket.name)
    assert req in genstore("sync").out


def test_generate_to_s3_sends_what_it_made_and_says_where(genstore, bucket, synced):
    r = genstore("generate", "--app-name", "app", "--prompt", "secret words", "--to", "s3", "--", "sh", "-c", "echo hi >f")
    req = re.search(r"req_\w+", r.out)[0]
    assert f"- S3: s3://{bucket.name}/generations/{req}/" in r.out
    assert f"{req}  s3://{bucket.name}/generations/{req}/" in r.out
    synced(bucket, req)
    assert all(b"secret words" not in bucket.get(key) for key in bucket.keys() if key.endswith("metadata.json"))


def test_generate_to_s3_without_a_network_keeps_it_for_later(genstore, bucket, synced):
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    r = genstore("generate", "--app-name", "app", "--prompt", "p", "--to", "s3", "--", "sh", "-c", "echo hi >f", code=3, env=env)
    assert "is there a network?" in r.err
    req = re.search(r"req_\w+", r.out)[0]
    state, = genstore("status", req, "--json").json
    assert (state["status"], state["sync"]) == ("completed", "queued")
    genstore("sync")
    synced(bucket, req)


def test_a_generation_that_fails_leaves_nothing_to_send(genstore, bucket):
    r = genstore("generate", "--app-name", "app", "--prompt", "p", "--to", "s3", "--", "sh", "-c", "exit 7", code=1)
    req = re.search(r"req_\w+", r.out)[0]
    assert bucket.keys() == []
    assert "there is nothing to send" in genstore("sync", req, code=1).err


def test_one_that_still_runs_is_sent_once_it_is_complete(genstore, bucket, synced, running, wait_for, tmp_path):
    go = tmp_path / "go"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "p", "--", "sh", "-c", f"echo hi >f; until [ -e {go} ]; do sleep 0.05; done")
    running(process)
    req = wait_for(lambda: genstore("list", "--json").json, "the generation")[0]["request_id"]
    wait_for(lambda: genstore("show", req, "--json").json[0]["status"] == "generating", "its generator")
    assert "it is generating: it is sent once it is complete" in genstore("sync", req).err
    assert genstore("status", req, "--json").json[0]["sync"] == "queued" and bucket.keys() == []
    go.touch()
    process.communicate(timeout=60)
    genstore("sync")
    synced(bucket, req)


def test_what_never_got_an_archive_is_taken_out_of_the_outbox(genstore, bucket, generate):
    req = generate("exit 7", code=1)
    with sqlite3.connect(genstore.store) as db:
        db.execute("INSERT INTO outbox (generation_request_id, remote, queued_at, updated_at)"
                   " SELECT id, 's3', created_at, created_at FROM generation_requests WHERE request_id = ?", (req,))
    db.close()
    assert "it is failed and has no archive: there is nothing to send" in genstore("sync").err
    assert genstore("status", req, "--json").json[0]["sync"] == "local"


def test_all_of_them_go_at_once_and_are_told_as_objects(genstore, bucket, made, synced):
    reqs = [made() for _ in range(70)]
    objects = genstore("sync", "--all", "--json").json
    told = [o for o in objects if o["message_type"] == "sync"]
    assert sorted(o["request_id"] for o in told) == sorted(reqs)
    assert {o["state"] for o in told} == {"synced"} and all(re.fullmatch(r"[0-9a-f]{32}", o["etag"]) for o in told)
    assert objects[-1]["message_type"] == "summary" and objects[-1]["synced"] == 70 and objects[-1]["pending"] == 0
    for req in reqs[::20]:
        synced(bucket, req)
    states = {g["request_id"]: g["sync"] for g in genstore("list", "--json").json}
    assert states == dict.fromkeys(reqs, "synced")
    assert genstore("list").out.splitlines()[0].split()[-1] == "SYNC"


def test_another_object_at_the_key_is_a_conflict_and_stays(genstore, bucket, made):
    req = made()
    bucket.put(f"generations/{req}/app.tar.gz", b"somebody else's")
    r = genstore("sync", req, code=1)
    assert "another object is there, of 15 bytes" in r.err and "nothing was replaced" in r.err
    assert bucket.keys() == [f"generations/{req}/app.tar.gz"]
    assert bucket.get(f"generations/{req}/app.tar.gz") == b"somebody else's"
    bucket.client.delete_object(Bucket=bucket.name, Key=f"generations/{req}/app.tar.gz")
    genstore("sync", req)


def test_one_that_gets_there_in_between_is_a_conflict_too(genstore, bucket, proxy, made, running):
    req = made()
    proxy.plan[1] = "hold"
    process = genstore.start("sync", req)
    running(process)
    assert proxy.held.wait(30)
    bucket.put(f"generations/{req}/app.tar.gz", b"somebody else's")
    proxy.release()
    assert b"another object is there" in process.communicate(timeout=60)[1]
    assert bucket.get(f"generations/{req}/app.tar.gz") == b"somebody else's"


def test_the_same_bytes_that_are_there_are_not_sent_again(genstore, bucket, proxy, made, synced):
    req = made()
    bucket.put(f"generations/{req}/app.tar.gz", genstore("get", req, "-o", "-").stdout)
    genstore("sync", req)
    assert [r.path.rsplit("/", 1)[-1] for r in proxy.requests("PUT")] == ["metadata.json"]
    synced(bucket, req)


def test_the_same_bytes_in_other_parts_are_known_by_reading_them(genstore, bucket, proxy, made, synced):
    req = made(6 * MIB)
    data, key = genstore("get", req, "-o", "-").stdout, f"generations/{req}/app.tar.gz"
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    parts = [{"PartNumber": n + 1, "ETag": bucket.client.upload_part(
        Bucket=bucket.name, Key=key, UploadId=upload, PartNumber=n + 1, Body=data[n * 5 * MIB:(n + 1) * 5 * MIB])["ETag"]} for n in range(2)]
    bucket.client.complete_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    genstore("sync", req)
    assert len(proxy.requests("PUT")) == 1
    synced(bucket, req)


def test_a_large_archive_goes_in_parts_and_is_taken_up_after_a_kill(genstore, bucket, proxy, made, synced, running, wait_for):
    req = made(50 * MIB)
    proxy.plan[6] = "hold"
    process = genstore.start("sync", req)
    running(process)
    assert proxy.held.wait(60)
    wait_for(lambda: query(genstore.store, "SELECT count(*) FROM upload_parts")[0][0] >= 2, "two parts")
    state, = genstore("status", req, "--json").json
    assert state["sync"] == "syncing" and 0 < state["s3"]["percentage"] < 100
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert genstore("status", req, "--json").json[0]["sync"] == "queued"
    there = query(genstore.store, "SELECT count(*) FROM upload_parts")[0][0]
    proxy.reset()
    genstore("sync")
    puts = [r for r in proxy.requests("PUT") if "partNumber=" in r.path]
    assert len(puts) == 7 - there
    assert "-7" in bucket.client.head_object(Bucket=bucket.name, Key=f"generations/{req}/app.tar.gz")["ETag"]
    synced(bucket, req)


def query(store, sql):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30) as db:
        return db.execute(sql).fetchall()


def test_what_is_cancelled_is_not_sent_and_its_parts_are_given_up(genstore, bucket, proxy, made, running):
    req = made(20 * MIB)
    proxy.plan[4] = "hold"
    process = genstore.start("sync", req)
    running(process)
    assert proxy.held.wait(60)
    genstore("sync", "--cancel", req)
    proxy.release()
    process.communicate(timeout=60)
    assert bucket.keys() == [] and bucket.uploads() == []
    assert genstore("status", req, "--json").json[0]["sync"] == "local"
    assert "nothing of" in genstore("sync", "--cancel", req, code=4).err


def test_parts_of_a_killed_sync_that_is_cancelled_are_given_up_by_the_next(genstore, bucket, proxy, made, running):
    req, other = made(20 * MIB), made()
    proxy.plan[4] = "hold"
    process = genstore.start("sync", req)
    running(process)
    assert proxy.held.wait(60)
    process.kill()
    process.wait()
    assert len(bucket.uploads()) == 1
    genstore("sync", "--cancel", "--all")
    genstore("sync", other)
    assert bucket.uploads() == []
    assert [k for k in bucket.keys() if req in k] == []


def test_an_interrupt_puts_down_what_goes_on_and_says_what_is_left(genstore, bucket, proxy, made, running):
    req = made()
    proxy.plan[1] = "hold"
    process = genstore.start("sync", req)
    running(process)
    assert proxy.held.wait(30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and b"1 still wait to be sent; 'genstore sync' goes on" in err
    assert genstore("status", req, "--json").json[0]["sync"] == "queued"


@pytest.mark.parametrize("env, words", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the secret key is wrong (SignatureDoesNotMatch); check AWS_ACCESS_KEY_ID"),
    ({"AWS_ACCESS_KEY_ID": "NOBODY"}, "the access key is not known there (InvalidAccessKeyId); check AWS_ACCESS_KEY_ID"),
    ({"S3_BUCKET": "no-such-bucket-here"}, "there is no such bucket: 'no-such-bucket-here'"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "is there a network?"),
    ({"AWS_ENDPOINT_URL": "ftp://x"}, "AWS_ENDPOINT_URL cannot be 'ftp://x': it takes http"),
    ({"AWS_ACCESS_KEY_ID": None}, "no keys for S3; set AWS_ACCESS_KEY_ID"),
    ({"AWS_PROFILE": "nobody"}, "there is no profile 'nobody'"),
])
def test_what_is_wrong_is_one_clear_line_and_the_outbox_is_intact(genstore, bucket, made, synced, env, words):
    reqs = [made(), made()]
    r = genstore("sync", "--all", code=None, env=env)
    assert r.code in (1, 2, 5)
    assert words in r.err and r.err.count("\n") == 1
    genstore("sync")
    for req in reqs:
        synced(bucket, req)


@pytest.mark.parametrize("status, code, headers, words", [
    ("400 Bad Request", "ExpiredToken", (), "the session token has expired (ExpiredToken: words of the server); get new keys"),
    ("403 Forbidden", "QuotaExceeded", (), "the bucket is full"),
    ("507 Insufficient Storage", "InsufficientStorage", (), "the bucket is full"),
    ("403 Forbidden", "RequestTimeTooSkewed", ("Date: Mon, 01 Jan 2024 00:00:00 GMT",), "this machine's clock is wrong: it is"),
    ("403 Forbidden", "AccessDenied", (), "access is denied"),
])
def test_what_the_server_refuses_is_told_in_its_words(genstore, bucket, proxy, answers, made, synced, status, code, headers, words):
    req = made()
    proxy.plan[1] = lambda _: answers.error(status, code, "words of the server", *headers)
    r = genstore("sync", req, code=5)
    assert words in r.err and r.err.count("\n") == 1
    assert genstore("status", req, "--json").json[0]["sync"] == "failed"
    assert words in genstore("status", req).out
    genstore("sync")
    synced(bucket, req)


def test_a_full_bucket_is_told_by_a_real_server(genstore, bucket, made, radosgw):
    """What a quota of radosgw says; it is of the bucket, and in force at once because it was never cached."""
    conf = pathlib.Path(f"/proc/{server_pid(radosgw.port)}/cmdline").read_bytes().split(b"\0")
    conf = conf[conf.index(b"-c") + 1].decode()
    admin = ["radosgw-admin", "-c", conf, "-n", "client.rgw.a", "--admin-socket=", "--no-mon-config"]
    for step in (["set", "--max-objects=1"], ["enable"]):
        subprocess.run([*admin, "quota", *step, "--quota-scope=bucket", "--bucket", bucket.name], check=True, timeout=60, capture_output=True)
    made(), made()
    r = genstore("sync", "--all", code=None)
    assert r.code in (3, 5) and "the bucket is full" in r.err + genstore("status").out


def server_pid(port):
    inode = next(line.split()[9] for line in open("/proc/net/tcp") if line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A")
    for proc in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(proc) == f"socket:[{inode}]":
                return proc.parts[2]
        except OSError:
            continue
    return None


def test_a_bucket_in_front_of_the_host_and_a_profile_are_signed_right(genstore, bucket, made, synced, radosgw):
    req = made()
    home = genstore.home / ".aws"
    home.mkdir()
    (home / "credentials").write_text(f"[work]\naws_access_key_id = {radosgw.key}\naws_secret_access_key = {radosgw.secret}\n")
    (home / "config").write_text(f"[profile work]\nregion = us-east-1\ns3 =\n  endpoint_url = http://localhost:{radosgw.port}\n"
                                 "  addressing_style = virtual\n")
    (home / "credentials").chmod(0o600)
    genstore("config", "set", "s3.profile", "work")
    genstore("config", "set", "s3.prefix", "a folder/ü+=")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        genstore.env.pop(name)
    genstore("sync", req)
    synced(bucket, req, "a folder/ü+=/")


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=a test's own", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_over_tls_only_who_is_vouched_for_gets_anything(genstore, bucket, made, synced, radosgw, answers, tmp_path):
    small, large = made(), made(17 * MIB)
    with answers.Proxy(radosgw.host, radosgw.port, tls=certificate(tmp_path)) as proxy:
        env = {"AWS_ENDPOINT_URL": proxy.endpoint}
        r = genstore("sync", "--all", code=5, env=env)
        assert "certificate" in r.err and "AWS_CA_BUNDLE" in r.err and r.err.count("\n") == 1
        assert proxy.log == [] and bucket.keys() == []
        genstore("sync", "--all", env={**env, "AWS_CA_BUNDLE": tmp_path / "cert.pem"})
        assert len(proxy.log) > 8
    synced(bucket, small)
    synced(bucket, large)


def test_with_a_limit_one_request_goes_at_a_time(genstore, bucket, proxy, made):
    for _ in range(6):
        made()
    genstore("sync", "--all")
    assert proxy.most > 1
    proxy.most = 0
    for _ in range(6):
        made()
    genstore("config", "set", "s3.bandwidth", "20M")
    genstore("sync", "--all")
    assert proxy.most == 1
    assert "s3.bandwidth cannot be 'fast'" in genstore("config", "set", "s3.bandwidth", "fast", code=2).err


def test_the_expected_owner_goes_along_once_there_is_an_account(genstore, bucket, proxy, made):
    genstore("sync", made())
    assert not any("x-amz-expected-bucket-owner" in r.headers for r in proxy.log)
    proxy.reset()
    genstore("config", "set", "s3.account", "123456789012")
    genstore("sync", made(), code=None)
    assert proxy.log and all(r.headers["x-amz-expected-bucket-owner"] == "123456789012" for r in proxy.log)


def test_a_session_token_goes_along_and_is_signed(genstore, bucket, proxy, made):
    genstore("sync", made(), code=None, env={"AWS_SESSION_TOKEN": "a/token+=="})
    assert proxy.log[0].headers["x-amz-security-token"] == "a/token+=="
    assert "x-amz-security-token" in proxy.log[0].headers["authorization"]


def test_a_redirect_is_followed_and_signed_anew(genstore, bucket, made, synced, radosgw):
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        seen = []

        def reply(self):
            self.seen.append(self.path)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{radosgw.port}{self.path}")
            self.send_header("x-amz-bucket-region", "us-east-1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_HEAD = do_POST = reply

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        req = made()
        genstore("sync", req, env={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"})
        server.shutdown()
    assert len(Elsewhere.seen) == 1
    synced(bucket, req)


def test_no_key_is_ever_stored_shown_or_logged(genstore, bucket, made, radosgw):
    outputs = []
    for env in ({}, {"AWS_SECRET_ACCESS_KEY": "another-Secret/0001"}):
        r = genstore("-v", "sync", made(), code=None, env=env)
        outputs += [r.stdout, r.stderr, genstore("status").stdout, genstore("config", "list").stdout]
    outputs += [p.read_bytes() for p in genstore.home.rglob("*") if p.is_file()]
    outputs.append(genstore.store.read_bytes())
    for secret in (radosgw.secret, "another-Secret/0001"):
        assert not any(secret.encode() in data for data in outputs)


def test_two_at_a_time_send_everything_once(genstore, bucket, proxy, made, synced, running):
    reqs = [made() for _ in range(3)]
    proxy.plan[0] = "hold"
    first = genstore.start("sync", "--all")
    running(first)
    assert proxy.held.wait(30)
    second = genstore.start("sync", "--all")
    running(second)
    assert b"another genstore is syncing this store" in second.stderr.readline()
    proxy.release()
    for process in (first, second):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(proxy.requests("PUT")) == 6
    for req in reqs:
        synced(bucket, req)


def test_the_second_goes_on_when_the_first_is_killed(genstore, bucket, proxy, made, synced, running):
    req = made()
    proxy.plan[0] = "hold"
    first = genstore.start("sync", req)
    running(first)
    assert proxy.held.wait(30)
    second = genstore.start("sync", req)
    running(second)
    second.stderr.readline()
    first.kill()
    first.wait()
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0 and req.encode() in out
    synced(bucket, req)


def test_detached_it_goes_on_in_the_background(genstore, bucket, made, synced, wait_for):
    req = made()
    assert "in the background" in genstore("sync", "--detach", req).err
    wait_for(lambda: genstore("status", req, "--json").json[0]["sync"] == "synced", "the background sync")
    synced(bucket, req)


def test_watching_it_tries_again_and_sees_what_is_new(genstore, bucket, proxy, made, wait_for, running, answers):
    first = made()
    proxy.plan[1] = lambda _: answers.error("403 Forbidden", "AccessDenied")
    process = genstore.start("sync", "--watch", first)
    running(process)
    wait_for(lambda: genstore("status", first, "--json").json[0]["sync"] == "failed", "the failure")
    wait_for(lambda: genstore("status", first, "--json").json[0]["sync"] == "synced", "the retry")
    second = made()
    genstore("sync", "--detach", second)
    wait_for(lambda: genstore("status", second, "--json").json[0]["sync"] == "synced", "the new one")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_server_that_checks_nothing_keeps_what_is_there_all_the_same(genstore, lax, made, synced):
    small, large, taken = made(), made(20 * MIB), made()
    lax.put(f"generations/{taken}/app.tar.gz", b"somebody else's")
    r = genstore("sync", "--all", code=3)
    assert "another object is there" in r.err
    assert lax.get(f"generations/{taken}/app.tar.gz") == b"somebody else's"
    synced(lax, small)
    synced(lax, large)


def test_the_outbox_goes_down_and_up_with_the_schema(genstore, bucket, made):
    req = made()
    genstore("sync", req)
    r = genstore("migrate", "--to", "9")
    assert "forgets that 1 generations are synced, and that 0 are to be" in r.out + r.err
    genstore("migrate")
    assert genstore("status", req, "--json").json[0]["sync"] == "local"
    genstore("sync", req)
    assert genstore("check", "--read-data").code == 0


def test_generations_go_where_is_set_without_being_told_each_time(genstore, bucket):
    genstore("config", "set", "generate.to", "s3")
    make = ["generate", "--app-name", "a", "--prompt", "p", "--", "sh", "-c", "echo x >x"]
    req = genstore("-q", *make).out.strip()
    assert f"generations/{req}/app.tar.gz" in bucket.keys()
    req = genstore("-q", "--set", "generate.to=none", *make).out.strip()
    other = genstore("-q", make[0], "--to", "none", *make[1:]).out.strip()
    assert not any(name in key for key in bucket.keys() for name in (req, other))
    genstore("config", "unset", "s3.bucket")
    told = genstore(*make, code=1).err
    assert "no bucket is configured" in told and len(genstore("list", "--json").json) == 3
