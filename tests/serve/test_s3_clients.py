"""The S3 endpoint, by the clients that people use."""

import os
import random
import shutil
import subprocess

import pytest


@pytest.fixture
def files(tmp_path):
    top = tmp_path / "files"
    (top / "below").mkdir(parents=True)
    (top / "small.txt").write_text("small")
    (top / "below" / "big and ü.bin").write_bytes(random.Random(1).randbytes(12_000_000))
    return top


@pytest.fixture
def run(s3, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": s3.key, "AWS_SECRET_ACCESS_KEY": s3.secret,
                   "AWS_DEFAULT_REGION": "us-east-1", "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}

    def run(*argv, **more):
        if not shutil.which(argv[0]):
            pytest.skip(f"{argv[0]} is not installed")
        done = subprocess.run([str(a) for a in argv], env={**environment, **more}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def same(a, b):
    names = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file())
    assert all((a / n).read_bytes() == (b / n).read_bytes() for n in names)


def test_aws_copies_a_folder_there_and_back(s3, run, files, tmp_path):
    aws = ("aws", "--endpoint-url", s3.url, "s3")
    run(*aws, "mb", "s3://folder")
    run(*aws, "sync", files, "s3://folder/in/")
    run(*aws, "sync", "s3://folder/in/", tmp_path / "back")
    same(files, tmp_path / "back")
    run(*aws, "rb", "--force", "s3://folder")
    assert "folder" not in run(*aws, "ls")


def test_s3cmd_copies_a_folder_there_and_back(s3, run, files, tmp_path):
    s3cmd = ("s3cmd", f"--host={s3.host}", f"--host-bucket={s3.host}", "--no-ssl", f"--access_key={s3.key}", f"--secret_key={s3.secret}",
             "--multipart-chunk-size-mb=5")
    run(*s3cmd, "mb", "s3://folder")
    run(*s3cmd, "sync", f"{files}/", "s3://folder/in/")
    (tmp_path / "back").mkdir()
    run(*s3cmd, "sync", "s3://folder/in/", f"{tmp_path}/back/")
    same(files, tmp_path / "back")
    run(*s3cmd, "del", "--recursive", "--force", "s3://folder/")
    run(*s3cmd, "rb", "s3://folder")


def test_rclone_copies_a_folder_there_and_back(s3, run, files, tmp_path):
    config = {"RCLONE_CONFIG_G_TYPE": "s3", "RCLONE_CONFIG_G_PROVIDER": "Other", "RCLONE_CONFIG_G_ENDPOINT": s3.url, "RCLONE_CONFIG_G_ENV_AUTH": "true",
              "RCLONE_CONFIG": str(tmp_path / "none.conf")}
    run("rclone", "mkdir", "g:folder", **config)
    run("rclone", "copy", "--s3-upload-cutoff", "6M", "--s3-chunk-size", "5M", files, "g:folder/in", **config)
    run("rclone", "check", files, "g:folder/in", **config)
    run("rclone", "copy", "g:folder/in", tmp_path / "back", **config)
    same(files, tmp_path / "back")
    run("rclone", "purge", "g:folder", **config)


def test_curl_signs_what_it_sends_and_waits_to_be_told(s3, run, files):
    curl = ("curl", "-sS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{s3.key}:{s3.secret}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
    assert run(*curl, "-T", files / "below" / "big and ü.bin", "-w", "%{http_code}", f"{s3.url}/main-bucket/big") == "200"
    assert run(*curl, f"{s3.url}/main-bucket/big", "-o", "/dev/null", "-w", "%{size_download}") == "12000000"
    # Refused before a byte of the body is sent.
    told = run(*curl[:5], f"{s3.key}:wrong", *curl[6:], "-T", files / "below" / "big and ü.bin", "-w", "%{http_code} %{size_upload}", f"{s3.url}/main-bucket/no",
               "-o", "/dev/null")
    assert told == "403 0"
