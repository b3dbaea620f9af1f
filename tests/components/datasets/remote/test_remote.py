"""Data that lies elsewhere: addresses, copies that stay current, and the faults of networks and buckets."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import requests
from pydantic import ValidationError

from kerasline.components.core import ConfigError, KeraslineError, address_of, cache_folder, copy_of, read_address
from kerasline.components.datasets import DataOptions
from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.remote import fetch_input
from tests.components.datasets.servers import Web, free_port, serve_web, started

TABLE = "size,town,price\n" + "".join(f"{n},{'ab'[n % 2]},{n * 1.5}\n" for n in range(40))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "STORAGE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("kerasline.components.datasets.remote.objects.FIRST_PAUSE_SECONDS", 0.01)
    return tmp_path / "cache"


@pytest.fixture
def web() -> Iterator[Web]:
    with serve_web() as server:
        yield server


@pytest.fixture
def faulty_s3(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """S3's client against a server that answers as the test says."""
    for name, value in {
        "ENDPOINT_URL": web.address,
        "REGION": "x",
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return web


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    port = free_port()
    with started(["moto_server", "-H", "127.0.0.1", "-p", str(port)], port):
        yield port


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    from pyarrow.fs import S3FileSystem

    settings = {"ENDPOINT_URL": f"http://127.0.0.1:{s3_port}", "REGION": "us-east-1"}
    for name, value in {**settings, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return _emptied(S3FileSystem(endpoint_override=settings["ENDPOINT_URL"], allow_bucket_creation=True))


@pytest.fixture(scope="module")
def gs_port() -> Iterator[int]:
    port = free_port()
    with started(["gcp-storage-emulator", "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"], port):
        yield port


@pytest.fixture
def gs(gs_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    from pyarrow.fs import GcsFileSystem

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{gs_port}")
    host = f"127.0.0.1:{gs_port}"
    return _emptied(GcsFileSystem(anonymous=True, scheme="http", endpoint_override=host, project_id="p"))


@pytest.fixture(params=["s3", "gs"])
def store(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """Each of the stores that are installed here, empty but for its bucket ``shop``."""
    return request.param, request.getfixturevalue(request.param)


def _emptied(system: Any) -> Any:
    from pyarrow.fs import FileSelector

    system.create_dir("shop")
    for info in system.get_file_info(FileSelector("shop", recursive=True)):
        if info.is_file:
            system.delete_file(info.path)
    return system


def put(system: Any, path: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    if system.type_name == "s3":  # in one request, as other clients do; old servers do not join parts
        address = f"{os.environ['AWS_ENDPOINT_URL']}/shop/{path}"
        signed = "AWS4-HMAC-SHA256 Credential=a/20240101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        requests.put(address, data=data, headers={"Authorization": signed}, timeout=10).raise_for_status()
        return
    with system.open_output_stream(f"shop/{path}") as stream:
        stream.write(data)


def find(text: str) -> list[Path]:
    return Places(Path.cwd(), None).find_all(text)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://host/t.csv", "begins with s3://, gs://, abfs://, hdfs:// or https://, got ftp://host/t.csv"),
        ("https://me:hidden@host/t.csv", "without a user or a password, got one with them before 'host'"),
        ("s3://hidden:hidden@bucket/t.csv", "without a user or a password"),
        ("abfs://c:hidden@a.dfs.core.windows.net/t.csv", "without a user or a password"),
        ("https://host/t.csv?X-Amz-Signature=hidden", "no secret, got https://host/t.csv with 'X-Amz-Signature'"),
        ("https://host/t.csv?a=1&access_token=hidden", "no secret"),
        ("http://example.org/t.csv", "expected https://, got http://example.org"),
        ("s3://bucket", "expected an address such as s3://bucket/FILE"),
        ("s3:///t.csv", "expected an address such as s3://PLACE/FILE"),
        ("s3://bucket/../t.csv", "without '.', '..'"),
    ],
)
def test_a_recipe_refuses_an_address_and_repeats_no_secret(address: str, words: str) -> None:
    for block in ({"csv": {"path": address, "label": "y"}}, {"parquet": {"path": ["a.parquet", address], "label": "y"}},
                  {"images": {"path": address}}, {"tfrecord": {"path": address, "label": "y"}},
                  {"spans": {"pattern": address, "label": "y"}}):  # fmt: skip
        with pytest.raises(ValidationError) as refused:
            DataOptions.model_validate(block)
        own = [error["msg"] for error in refused.value.errors() if error["type"] == "value_error"]
        assert words in " ".join(own) and "hidden" not in " ".join(own)
    with pytest.raises(ConfigError) as told:
        fetch_input(address)
    assert words[1:] in str(told.value) and "hidden" not in str(told.value) and told.value.exit_code == 2


@pytest.mark.parametrize(
    "address",
    [
        "s3://b/2024/a b.csv",
        "https://host:8443/x/t.csv?raw=1&q=a%2Fb",
        "abfs://c@acc.dfs.core.windows.net/t.csv",
        "gs://b/t",
    ],
)
def test_an_address_is_told_from_the_path_of_its_copy(address: str) -> None:
    assert address_of(copy_of(read_address(address))) == address


def test_a_message_names_the_address_and_not_its_copy() -> None:
    path = copy_of(read_address("s3://shop/in/t.csv"))
    assert str(KeraslineError(f"{path}, line 3: too long; correct {path}.")) == (
        "s3://shop/in/t.csv, line 3: too long; correct s3://shop/in/t.csv."
    )


def test_a_table_of_a_web_server_reads_as_the_same_file_does(web: Web, resolve: Any, rows: Any, write: Any) -> None:
    web.files["/t.csv"] = TABLE.encode()
    write("t.csv", TABLE)
    far, near = (resolve(csv={"path": path, "label": "price"}) for path in (f"{web.address}/t.csv", "t.csv"))
    assert far.fingerprint == near.fingerprint and rows(far) == rows(near) and len(rows(far)) == 40
    assert [shard["path"] for shard in far.shards] == [f"{web.address}/t.csv"]
    assert str(cache_folder()) not in far.to_json()


def test_an_unchanged_file_is_not_fetched_again(web: Web) -> None:
    web.files["/t.csv"], web.tags["/t.csv"] = b"a,b\n1,2\n", '"one"'
    (path,) = find(f"{web.address}/t.csv?raw=1")
    count = len(web.asked)
    inode = path.stat().st_ino
    assert find(f"{web.address}/t.csv?raw=1") == [path] and path.stat().st_ino == inode
    assert len(web.asked) == count + 1  # a look
    # The same size and the same second, and yet another content.
    web.files["/t.csv"], web.tags["/t.csv"] = b"a,b\n3,4\n", '"two"'
    assert find(f"{web.address}/t.csv?raw=1")[0].read_bytes() == b"a,b\n3,4\n"
    web.tags.clear()
    web.changed, web.files["/t.csv"] = 0.0, b"a,b\n5,6\n"  # a server that says nothing is read anew
    assert find(f"{web.address}/t.csv?raw=1")[0].read_bytes() == b"a,b\n5,6\n"


@pytest.mark.parametrize("faults", [[503, 503], [429], ["", "cut"], [502, "cut", 500]])
def test_a_fault_that_passes_is_lived_through(web: Web, faults: list[int | str]) -> None:
    web.files["/t.csv"] = TABLE.encode()
    web.faults = [fault for fault in faults if fault]
    assert find(f"{web.address}/t.csv")[0].read_text() == TABLE


@pytest.mark.parametrize(
    ("faults", "words", "code"),
    [
        ([503] * 9, "cannot be fetched: it answers 503 Service Unavailable; try again later", 2),
        ([404], "No file at http", 2),
        ([403], r"may not be read \(403 Forbidden\); put the user and the password of 127.0.0.1:\d+ into ~/.netrc", 2),
        ([401], "may not be read", 2),
        (["silent"] * 4, "no answer within 0.4 seconds", 2),
        ([None, *["cut"] * 9], "the transfer ended before the file did; try again later", 1),
        ([None, *["silent"] * 9], "no answer within", 1),
    ],
)
def test_a_fault_that_lasts_is_one_sentence(
    web: Web, faults: list[Any], words: str, code: int, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASLINE_TIMEOUT_SECONDS", "0.4")
    web.files["/t.csv"], web.faults = TABLE.encode(), faults
    with pytest.raises(KeraslineError, match=words) as told:
        find(f"{web.address}/t.csv")
    assert told.value.exit_code == code
    assert not [path for path in own_cache.rglob("*") if path.is_file()]  # nothing half-written


def test_nothing_answers_at_a_port() -> None:
    with pytest.raises(ConfigError, match="nothing answers at that port"):
        find(f"http://127.0.0.1:{free_port()}/t.csv")


def test_a_web_server_has_no_folders_and_no_globs(web: Web, resolve: Any) -> None:
    with pytest.raises(ConfigError, match="Expected a folder of a bucket, got http.*does not say what it holds"):
        resolve(images={"path": f"{web.address}/pets"})
    with pytest.raises(ConfigError, match="Expected a pattern in a bucket"):
        resolve(spans={"pattern": f"{web.address}/{{SPAN}}.csv", "label": "y"})


def test_a_redirect_that_leaves_https_is_refused(web: Web) -> None:
    from kerasline.components.datasets.remote import web as reader

    class Answer:
        status_code, url, headers, reason = 200, "http://example.org/t.csv", {}, ""

    with pytest.raises(ConfigError, match="leads to an address that is not of https"):
        reader._check(Answer(), read_address("https://example.org/t.csv"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("400 ExpiredToken", "the credentials have expired; renew them"),
        ("403 AccessDenied", "may not read it"),
        ("403 InvalidAccessKeyId", "no valid credentials"),
        ("403 SignatureDoesNotMatch", "no valid credentials"),
        ("404 NoSuchBucket", "There is no bucket 'shop'"),
        ("503 SlowDown", "the service is busy; try again later"),
    ],
)
def test_what_s3_refuses_is_one_sentence(faulty_s3: Web, fault: str, words: str) -> None:
    faulty_s3.faults = [fault] * 12
    with pytest.raises(ConfigError, match=words) as told:
        find("s3://shop/*.csv")
    assert "AWS" not in str(told.value) and "OSError" not in str(told.value)


def test_s3_that_does_not_answer(faulty_s3: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("KERASLINE_TIMEOUT_SECONDS", "0.5")
    with pytest.raises(ConfigError, match="s3://shop/t.csv cannot be read: the connection failed; check the network"):
        find("s3://shop/t.csv")


def test_hdfs_and_azure_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    with pytest.raises(ConfigError, match="expected abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"):
        find("abfs://container/t.csv")
    if not os.environ.get("HADOOP_HOME"):
        with pytest.raises(ConfigError, match="hdfs:// needs Java and Hadoop's library libhdfs"):
            find("hdfs://host/t.csv")


def test_globs_of_a_bucket_match_as_the_shell_does(store: tuple[str, Any]) -> None:
    scheme, system = store
    for path in ("in/a.csv", "in/b.csv", "in/.hidden.csv", "in/deep/c.csv", "in/d.txt", "top.csv"):
        put(system, path, path)
    base = f"{scheme}://shop"
    found = {
        glob: [path.read_text() for path in find(f"{base}/{glob}")] for glob in ("in/*.csv", "**/*.csv", "in/[ab].*")
    }
    assert found == {
        "in/*.csv": ["in/a.csv", "in/b.csv"],
        "**/*.csv": ["in/a.csv", "in/b.csv", "in/deep/c.csv", "top.csv"],
        "in/[ab].*": ["in/a.csv", "in/b.csv"],
    }
    system.delete_file("shop/in/a.csv")
    assert [path.name for path in find(f"{base}/in/*.csv")] == ["b.csv"]
    assert not copy_of(read_address(f"{base}/in/a.csv")).exists()
    with pytest.raises(ConfigError, match=f"No file matches {base}/in/\\*.tsv"):
        find(f"{base}/in/*.tsv")
    with pytest.raises(ConfigError, match=f"File not found: {base}/in/bb.csv.* Did you mean 'b.csv'"):
        find(f"{base}/in/bb.csv")
    with pytest.raises(ConfigError, match=f"Expected a file at {base}/in, but it is a folder"):
        find(f"{base}/in")
    with pytest.raises(ConfigError, match="There is no bucket 'absent'"):
        find(f"{scheme}://absent/t.csv")


def test_tables_of_a_bucket(store: tuple[str, Any], resolve: Any, rows: Any) -> None:
    scheme, system = store
    stream = io.BytesIO()
    numbers = list(range(40))
    pa.parquet.write_table(pa.table({"size": numbers, "price": [n * 1.5 for n in numbers]}), stream)
    put(system, "in/one.parquet", stream.getvalue())
    put(system, "in/t.csv", TABLE)
    parquet = resolve(parquet={"path": f"{scheme}://shop/in/*.parquet", "label": "price"})
    csv = resolve(csv={"path": f"{scheme}://shop/in/t.csv", "label": "price"})
    assert sorted(row["price"] for row in rows(parquet)) == [n * 1.5 for n in numbers]
    assert len(rows(csv)) == 40 and csv.shards[0]["path"] == f"{scheme}://shop/in/t.csv"
    put(system, "in/t.csv", TABLE.replace("0,a,0.0", "9,a,0.0"))  # as long as before
    assert resolve(csv={"path": f"{scheme}://shop/in/t.csv", "label": "price"}).fingerprint != csv.fingerprint


def test_images_of_a_bucket_and_a_step_on_another_machine(
    s3: Any, resolve: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from PIL import Image

    for number in range(24):
        stream = io.BytesIO()
        Image.new("L", (8, 8), 10 * number).save(stream, "PNG")
        put(s3, f"pets/{'cat' if number % 2 else 'dog'}/{number}.png", stream.getvalue())
    put(s3, "pets/cat/broken.png", b"no image")
    dataset = resolve(images={"path": "s3://shop/pets"})
    assert dataset.rows == 24 and dataset.label.classes == ("cat", "dog")
    assert {shard["folder"] for shard in dataset.shards} == {"s3://shop/pets/cat", "s3://shop/pets/dog"}
    here = rows(dataset)
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "another machine"))
    assert rows(Dataset.from_json(dataset.to_json())) == here
    s3.delete_file("shop/pets/cat/1.png")
    assert resolve(images={"path": "s3://shop/pets/"}).rows == 23


def test_spans_of_a_bucket_fetch_those_that_are_chosen(s3: Any, resolve: Any, rows: Any) -> None:
    for day in range(1, 5):
        put(s3, f"days/2024-01-0{day}/t.csv", TABLE)
        if day != 4:
            put(s3, f"days/2024-01-0{day}/_DONE", "")
    pattern = "s3://shop/days/{YYYY}-{MM}-{DD}/*.csv"
    dataset = resolve(spans={"pattern": pattern, "window": 2, "marker": "_DONE", "label": "price"})
    assert list(dataset.spans) == ["2024-01-02", "2024-01-03"] and len(rows(dataset)) == 80
    assert any("2024-01-04" in line and "has no _DONE yet" in line for line in dataset.skipped)
    copies = copy_of(read_address("s3://shop/days"))
    assert sorted(path.parent.name for path in copies.rglob("t.csv")) == ["2024-01-02", "2024-01-03"]


def test_copies_that_were_not_used_for_longest_go(web: Web, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    for name in ("/old.csv", "/lately.csv", "/new.csv"):
        web.files[name] = b"x" * 1000
    (old,), (lately,) = find(f"{web.address}/old.csv"), find(f"{web.address}/lately.csv")
    os.utime(own_cache / "tags" / old.relative_to(own_cache / "copies"), (0, 0))
    monkeypatch.setenv("KERASLINE_CACHE_GB", "0.000001")
    (new,) = find(f"{web.address}/new.csv")
    assert (old.exists(), lately.exists(), new.exists()) == (False, True, True)


def test_a_folder_of_copies_that_cannot_be_written(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    web.files["/t.csv"] = b"a,b\n"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError, match="No copy can be written to .*; make room or set KERASLINE_CACHE"):
        find(f"{web.address}/t.csv")


def test_what_predict_and_init_are_given_may_lie_elsewhere(s3: Any, web: Web) -> None:
    import kerasline as kl
    from kerasline.components.prediction.reading.finding import find_files

    record = {"columns": [{"dtype": "float"}]}
    for name in ("new/a.csv", "new/b.csv"):
        put(s3, name, TABLE)
    web.files["/t.csv"] = TABLE.encode()
    for source, names in {
        "s3://shop/new/*.csv": ["a.csv", "b.csv"],
        "s3://shop/new": ["a.csv", "b.csv"],
        "s3://shop/new/b.csv": ["b.csv"],
        f"{web.address}/t.csv?raw=1": ["t.csv"],
    }.items():
        files, kind = find_files(source, record, None)
        assert ([path.name for path in files], kind) == (names, "csv")
        assert {path.read_text() for path in files} == {TABLE}
    assert "path: s3://shop/new/a.csv" in kl.init("s3://shop/new/a.csv", "town")
