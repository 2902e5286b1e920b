"""check --remote: the bucket against what was sent to it, by its listing."""

import concurrent.futures

MIB = 1 << 20


def test_what_is_as_it_was_sent_is_no_problem_and_nothing_is_fetched(genstore, bucket, proxy, made):
    for _ in range(3):
        made()
    made(17 * MIB)
    genstore("sync", "--all")
    bucket.put("generations/a/app.tar.gz", b"not ours")
    bucket.put("zzz", b"not ours, and elsewhere")
    proxy.reset()
    summary = genstore("check", "--remote", "--json").json[-1]
    assert (summary["objects"], summary["problems"], summary["unknown"]) == (8, 0, 1)
    assert [r.method for r in proxy.log] == ["GET"] and "list-type=2" in proxy.log[0].path


def test_what_is_missing_or_another_is_listed(genstore, bucket, made):
    reqs = sorted(made() for _ in range(4))
    genstore("sync", "--all")
    keys = [f"generations/{req}/app.tar.gz" for req in reqs]
    bucket.client.delete_object(Bucket=bucket.name, Key=keys[0])
    bucket.put(keys[1], bucket.get(keys[1])[:-1] + b"x")
    bucket.client.delete_object(Bucket=bucket.name, Key=f"generations/{reqs[3]}/metadata.json")
    r = genstore("check", "--remote", code=1)
    assert f"remote '{keys[0]}': it was sent, and is not in the bucket any more" in r.out
    assert f"remote '{keys[1]}': another object is there" in r.out
    assert f"remote 'generations/{reqs[3]}/metadata.json': it was sent" in r.out
    assert len(r.out.splitlines()) == 3 and "3 objects of the bucket" in r.err


def test_the_same_bytes_put_there_anew_are_no_problem(genstore, bucket, made):
    req = made(17 * MIB)
    genstore("sync", req)
    key = f"generations/{req}/app.tar.gz"
    bucket.put(key, bucket.get(key))
    assert genstore("check", "--remote", "--json").json[-1]["problems"] == 0


def test_a_listing_of_several_pages_is_read_to_its_end(genstore, bucket, made):
    req = made()
    genstore("sync", req)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: bucket.put(f"generations/{n:04}", b""), range(1005)))
    assert genstore("check", "--remote", "--json").json[-1] == {
        "message_type": "summary", "bucket": bucket.name, "objects": 2, "problems": 0, "unknown": 1005}


def test_a_bucket_that_cannot_be_asked_is_one_line(genstore, bucket):
    r = genstore("check", "--remote", code=5, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert "cannot list the bucket" in r.err
    genstore("config", "rm", "s3.bucket")
    assert "no bucket is configured" in genstore("check", "--remote", code=1).err
