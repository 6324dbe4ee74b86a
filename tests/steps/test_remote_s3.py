"""A store behind S3's own protocol, served on this machine, and what is said when it refuses."""

from functools import partial

import pytest

from crosstune.errors import StoreUnavailable
from crosstune.steps import remote_files
from crosstune.steps.executors import local
from crosstune.steps.keeper import Keeper, Kept
from crosstune.steps.remote import RemoteStore
from crosstune.steps.shared import SharedStore
from crosstune.steps.step import Step
from crosstune.steps.store import State, Store, require_finished
from crosstune.steps.work import Work

moto_server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

pytestmark = pytest.mark.enable_socket  # of a server in this process


@pytest.fixture(scope="module")
def server():
    """The address of an S3 with one bucket."""
    running = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    s3fs.S3FileSystem(key="a", secret="b", endpoint_url=f"http://{host}:{port}").mkdir("bucket")
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path, request):
    """What libraries find in the environment; nothing of whoever runs the tests."""
    monkeypatch.setattr(remote_files, "_WAITS", ())
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("server"))
    s3fs.S3FileSystem.clear_instance_cache()


def write(workspace, *, size):
    (workspace.out / "empty.txt").touch()
    (workspace.out / "model").mkdir(exist_ok=True)
    (workspace.out / "model" / "weights.bin").write_bytes(bytes(range(256)) * size)


def step(name="one", inputs=(), size=4):
    return Step("kind", name, 1, {"name": name}, {other.name: other for other in inputs}, partial(write, size=size))


def test_steps_go_through_a_bucket(tmp_path):
    trained, prefix = step(), "s3://bucket/runs/a"
    top = step("top", [trained])
    RemoteStore(prefix).prepare()
    local.execute([trained], SharedStore(tmp_path / "one", remote=RemoteStore(prefix)), lambda event: None)
    two = SharedStore(tmp_path / "two", remote=RemoteStore(prefix))
    others = [step(f"s{number}") for number in range(8)]
    two.look([trained, top, *others])  # so many that they are listed
    assert [two.state(each) for each in (trained, top, *others)] == [State.FINISHED, *[State.NEW] * 9]
    local.execute([top], two, lambda event: None)
    assert Store(tmp_path / "two").manifest(trained) == Store(tmp_path / "one").manifest(trained)
    three = SharedStore(tmp_path / "three", remote=RemoteStore(prefix))
    assert (require_finished(three, top) / "model" / "weights.bin").read_bytes() == bytes(range(256)) * 4
    assert RemoteStore(prefix).identity() is not None and RemoteStore("s3://bucket/runs/b").identity() is None


def test_a_large_file_goes_in_parts_and_is_told_of(tmp_path, monkeypatch):
    one = step(size=45_000)  # 11.5 MB
    monkeypatch.setattr(s3fs.S3FileSystem, "default_block_size", 5 << 20)
    store = SharedStore(tmp_path / "one", remote=RemoteStore("s3://bucket/large"))
    local.execute([one], Store(tmp_path / "one"), lambda event: None)
    told = []
    store.send(one, told.append, must=True)
    assert told[-1].done == told[-1].total == 11
    folder = SharedStore(tmp_path / "two", remote=RemoteStore("s3://bucket/large")).open(one)
    assert (folder / "model" / "weights.bin").stat().st_size == 11_520_000


def test_what_an_unfinished_step_has_written_goes_through_a_bucket(tmp_path):
    url = "s3://bucket/under way"
    one, two = (SharedStore(tmp_path / name, remote=RemoteStore(url)) for name in ("one", "two"))
    folder = one.begin(step())
    (folder / "model").mkdir()
    (folder / "model" / "weights.bin").write_bytes(b"half")
    kept = Kept(step(), folder, tmp_path / "beside", Work(tmp_path / "work.json", 5.0))
    keeper = Keeper(url, [kept])
    assert keeper.take(kept)
    (folder / "model" / "weights.bin").write_bytes(b"more than half")
    assert keeper.take(kept)
    system = s3fs.S3FileSystem()
    assert len(system.find("bucket/under way/under-way")) == 3  # a manifest, step.json, and the weights once
    two.look([step()])
    assert two.state(step()) is State.PARTIAL
    two.take_up(step())
    assert (two.partial_folder(step()) / "model" / "weights.bin").read_bytes() == b"more than half"
    local.execute([step()], two, lambda event: None)
    system.invalidate_cache()
    assert system.find("bucket/under way/under-way") == []
    third = SharedStore(tmp_path / "three", remote=RemoteStore(url))
    third.look([step()])
    assert third.state(step()) is State.FINISHED


def test_an_object_that_is_gone_is_damage(tmp_path):
    from crosstune.errors import DamagedInStore

    one, url = step(), "s3://bucket/gone"
    local.execute([one], SharedStore(tmp_path / "one", remote=RemoteStore(url)), lambda event: None)
    files = s3fs.S3FileSystem()
    files.rm_file(next(name for name in files.find("bucket/gone") if name.endswith("weights.bin")))
    with pytest.raises(DamagedInStore, match=r"model/weights\.bin is missing"):
        require_finished(SharedStore(tmp_path / "two", remote=RemoteStore(url)), one)
    again = SharedStore(tmp_path / "one", remote=RemoteStore(url))
    assert again.is_unsent(one)


def test_a_bucket_that_is_not_there(tmp_path):
    message = (
        r"s3://none/x: it cannot be (read|written): the bucket does not exist; make the bucket, or correct --store"
    )
    with pytest.raises(StoreUnavailable, match=message):
        RemoteStore("s3://none/x").prepare()
    with pytest.raises(StoreUnavailable, match=message):
        SharedStore(tmp_path, remote=RemoteStore("s3://none/x")).look([step()])
    with pytest.raises(StoreUnavailable, match=message):
        SharedStore(tmp_path, remote=RemoteStore("s3://none/x")).look([step(f"s{number}") for number in range(9)])


def test_no_credentials(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreUnavailable, match=r"there are no credentials for it; set AWS_PROFILE, AWS_ACCESS_KEY_ID"):
        RemoteStore("s3://bucket/x").prepare()


def test_no_permission(monkeypatch):
    from botocore.exceptions import ClientError
    from s3fs.errors import translate_boto_error

    async def refuse(self, method, *args, **options):
        raise translate_boto_error(ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, method))

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", refuse)
    with pytest.raises(
        StoreUnavailable, match=r"s3://bucket/x: it cannot be read: not allowed .*Access Denied.*must allow"
    ):
        RemoteStore("s3://bucket/x").prepare()


def test_nobody_at_the_address(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(
        StoreUnavailable, match=r"it cannot be read: not reached \(EndpointConnectionError.*look at the net"
    ):
        RemoteStore("s3://bucket/x").prepare()
