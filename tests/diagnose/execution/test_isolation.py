"""Whatever a script does to files, and by whatever means, they are as before when it has ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dlfix.diagnose.execution import Executor, JobState, find_project_root
from dlfix.diagnose.execution.isolation import Isolation, strongest_isolation

from tests.diagnose.execution.conftest import Run, log_of, make_job, picture

KINDS = ["overlay", "redirect+landlock", "redirect"]

# Each ends with a look at what it did: the script must see its own writes.
HARMLESS = {
    "overwrite": "open('model.bin', 'wb').write(b'new'); assert open('model.bin', 'rb').read() == b'new'",
    "append": "open('model.bin', 'ab').write(b'!'); assert open('model.bin', 'rb').read() == b'precious!'",
    "update": """
with open('model.bin', 'r+b') as file:
    file.seek(1); file.write(b'X'); file.truncate(3)
assert open('model.bin', 'rb').read() == b'pXe'""",
    "absolute": """
import pathlib
path = pathlib.Path(__file__).parent / 'data' / 'train.csv'
path.write_text('changed'); assert open('data/train.csv').read() == 'changed'""",
    "outside": """
import os, pathlib
other = pathlib.Path(__file__).parent.parent / 'elsewhere'
(other / 'kept.txt').write_text('changed'); (other / 'new.txt').write_text('n')
assert sorted(os.listdir(other)) == ['kept.txt', 'new.txt']; assert (other / 'kept.txt').read_text() == 'changed'""",
    "delete": """
import os
os.remove('model.bin'); assert not os.path.exists('model.bin') and 'model.bin' not in os.listdir()
open('model.bin', 'a').write('again'); assert open('model.bin').read() == 'again'""",
    "remove tree and remake": """
import os, shutil, glob
shutil.rmtree('data'); assert not os.path.isdir('data')
os.makedirs('data/deep'); assert os.listdir('data') == ['deep'] and glob.glob('**/*.csv', recursive=True) == []""",
    "rename": """
import os
os.rename('model.bin', 'moved.bin'); os.replace('moved.bin', 'data/train.csv')
assert open('data/train.csv', 'rb').read() == b'precious' and os.listdir('data') == ['train.csv']
assert sorted(os.listdir()) == ['data', 'train.py']""",
    "rename directory": """
import os
os.mkdir('x'); open('x/f', 'w').write('1'); os.rename('x', 'y'); assert os.listdir('y') == ['f']""",
    "exclusive": """
import os
try: open('model.bin', 'x')
except FileExistsError as error: assert error.filename == 'model.bin'
else: raise AssertionError
descriptor = os.open('o.bin', os.O_CREAT | os.O_EXCL | os.O_WRONLY); os.write(descriptor, b'1'); os.close(descriptor)
assert os.stat('o.bin').st_size == 1""",
    "modes and times": """
import os
os.chmod('model.bin', 0o600); os.utime('model.bin', (1, 2)); os.truncate('model.bin', 2)
state = os.stat('model.bin'); assert (state.st_mode & 0o777, state.st_size) == (0o600, 2)""",
    "links": """
import os
os.symlink('model.bin', 'soft'); assert open('soft', 'rb').read() == b'precious' and os.readlink('soft') == 'model.bin'
open('soft', 'wb').write(b'through'); assert open('model.bin', 'rb').read() == b'through'
os.link('data/train.csv', 'hard'); open('hard', 'a').write('x'); assert open('data/train.csv').read().endswith('x')""",
    "csv log and walk": """
import csv, os
for row in range(3):
    with open('log.csv', 'a', newline='') as file: csv.writer(file).writerow([row])
assert len(open('log.csv').readlines()) == 3
found = sorted(name for _, _, names in os.walk('.') for name in names)
assert found == ['log.csv', 'model.bin', 'train.csv', 'train.py']""",
    "chdir": """
import os, pathlib
os.makedirs('out/run'); os.chdir('out/run'); pathlib.Path('here.txt').write_text('1')
assert os.listdir() == ['here.txt'] and os.getcwd().endswith('project/out/run') and os.path.exists('../../model.bin')
os.chdir('../..'); assert os.path.exists('out/run/here.txt')""",
    "sqlite": """
import sqlite3, os
with sqlite3.connect('base.db') as base: base.execute('create table t (a)'); base.execute('insert into t values (1)')
assert sqlite3.connect('base.db').execute('select a from t').fetchall() == [(1,)] and os.path.exists('base.db')""",
    "h5py": """
import h5py, os
with h5py.File('w.h5', 'w') as file: file['a'] = 1
with h5py.File('w.h5', 'a') as file: file['b'] = 2
assert sorted(h5py.File('w.h5')) == ['a', 'b'] and os.path.getsize('w.h5') > 0
try: h5py.File('none.h5', 'r+')
except OSError: pass""",
    "numpy": """
import numpy as np
np.save('a', np.ones(2)); np.savez('b', a=np.ones(2)); np.savetxt('c.txt', np.ones(2)); np.ones(2).tofile('d.bin')
assert np.load('a.npy').sum() == np.load('b.npz')['a'].sum() == np.loadtxt('c.txt').sum() == np.fromfile('d.bin').sum()
m = np.memmap('m.bin', mode='w+', shape=3); m[:] = 1; m.flush(); assert np.memmap('m.bin').sum() == 3""",
    "temporary": """
import tempfile, os
with tempfile.NamedTemporaryFile(dir='.') as file: file.write(b'1')
with tempfile.TemporaryDirectory() as folder: open(folder + '/x', 'w').close(); os.replace(folder + '/x', folder + '/y')
assert len(os.listdir()) == 3""",
}


@pytest.fixture(scope="module", params=KINDS)
def protected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    try:
        strongest_isolation(tmp_path_factory.mktemp("probe"), request.param)
    except OSError as error:
        pytest.skip(str(error))
    with Executor(preload=(), isolation=request.param) as executor:
        assert executor.isolation == request.param
        yield executor


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    (directory / "kept.txt").write_bytes(b"kept")
    return directory


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS.keys())
def test_files_are_as_before(protected: Executor, run: Run, project: Path, source: str) -> None:
    if "h5py" in source:
        pytest.importorskip("h5py")
    (project / "train.py").write_bytes(source.encode())
    before = picture(project.parent)
    outcome = protected.run(
        make_job(project / "train.py", project, project.parent.parent / f"{project.parent.name}-out")
    )
    assert outcome.state is JobState.COMPLETED, log_of(outcome)
    assert picture(project.parent) == before


def test_data_is_read_by_relative_path_and_through_links(protected: Executor, run: Run, project: Path) -> None:
    (project.parent / "store").mkdir()
    (project.parent / "store" / "big.csv").write_text("from the store", encoding="utf-8")
    (project / "linked").symlink_to(project.parent / "store")
    outcome = run(
        "print(open('data/train.csv').read(), open('linked/big.csv').read(), open('../store/big.csv').read())",
        protected,
    )
    assert log_of(outcome) == "a,b\n1,2\n from the store from the store\n"


def test_writes_through_a_link_to_a_directory(protected: Executor, run: Run, project: Path) -> None:
    (project.parent / "store").mkdir()
    (project.parent / "store" / "old.bin").write_bytes(b"old")
    (project / "linked").symlink_to(project.parent / "store")
    outcome = run("open('linked/old.bin', 'w').write('n'); print(open('../store/old.bin').read())", protected)
    assert log_of(outcome) == "n\n"
    assert (project.parent / "store" / "old.bin").read_bytes() == b"old"


def test_output_is_really_written(protected: Executor, run: Run, project: Path, tmp_path: Path) -> None:
    inside = project / ".dlfix" / "runs" / "1"  # the usual place: within what is protected
    script = project / "train.py"
    script.write_text(
        "import os\nos.makedirs(out := os.environ['OUT'] + '/deep'); open(out + '/r', 'w').write('1')\n",
        encoding="utf-8",
    )
    outcome = protected.run(make_job(script, project, inside, environment={"OUT": str(inside)}))
    assert outcome.state is JobState.COMPLETED, log_of(outcome)
    assert (inside / "deep" / "r").read_text(encoding="utf-8") == "1"


def test_subprocesses_cannot_harm(protected: Executor, run: Run, project: Path) -> None:
    if protected.isolation == "redirect":
        pytest.skip("without the kernel's help subprocesses are free")
    before = picture(project / "data")
    outcome = run(
        """
import subprocess, sys
print(subprocess.call('echo new > model.bin; rm data/train.csv; echo x > data/new; cat model.bin', shell=True))
subprocess.call([sys.executable, '-c', "open('model.bin', 'w').write('python')"])
""",
        protected,
    )
    assert outcome.state is JobState.COMPLETED
    assert (project / "model.bin").read_bytes() == b"precious"
    assert picture(project / "data") == before
    if protected.isolation == "overlay":
        assert log_of(outcome).startswith("new\n0")


def test_temporary_files_vanish(protected: Executor, run: Run) -> None:
    outcome = run("import tempfile; print(tempfile.mkdtemp())", protected)
    directory = Path(log_of(outcome).strip())
    assert "dlfix-" in str(directory)
    assert not directory.parent.parent.exists()


def test_big_writes_end_with_a_clear_reason(run: Run, project: Path) -> None:
    source = "with open('big', 'wb') as file:\n    for _ in range(200): file.write(bytes(1 << 20))\n"
    for kind in KINDS:
        with Executor(preload=(), isolation=kind, scratch_bytes=50 << 20) as executor:
            outcome = run(source, executor)
        assert outcome.state is JobState.RAISED
        assert "wrote more than 52 MB of files" in outcome.reason
        assert not (project / "big").exists()


def test_many_files_are_bounded_too(run: Run) -> None:
    source = "import time\nfor n in range(40):\n    open(f'f{n}', 'wb').write(bytes(4 << 20)); time.sleep(0.1)\n"
    with Executor(preload=(), isolation="redirect", scratch_bytes=20 << 20) as executor:
        outcome = run(source, executor)
    assert outcome.state is JobState.CRASHED
    assert "wrote more than 21 MB of files" in outcome.reason


def test_wrong_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="isolation must be"):
        Executor(isolation="none")


def test_scratch_within_the_project(run: Run, project: Path) -> None:
    (project / ".dlfix").mkdir()
    with Executor(preload=(), scratch=project / ".dlfix") as executor:
        outcome = run("open('model.bin', 'w').write('n'); print(open('model.bin').read())", executor)
    assert log_of(outcome) == "n\n"
    assert (project / "model.bin").read_bytes() == b"precious"
    assert list((project / ".dlfix").iterdir()) == []


def test_unwritable_leftovers_are_removed_and_nothing_else_is_touched(run: Run, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o755)
    before = scratch.stat().st_mode
    for kind in KINDS:
        with Executor(preload=(), scratch=scratch, isolation=kind) as executor:
            source = (
                "import os, tempfile; os.makedirs('deep/er'); os.chmod('deep', 0o500); os.chmod(tempfile.mkdtemp(), 0)"
            )
            assert run(source, executor).state is JobState.COMPLETED
        assert list(scratch.iterdir()) == []
        assert scratch.stat().st_mode == before


def test_strongest_is_chosen(executor: Executor) -> None:
    assert executor.isolation in list(Isolation)
    assert find_project_root(Path(__file__)).name


_AS_SOMEBODY = """
import sys
from pathlib import Path
from dlfix.diagnose.execution import Executor, Job, Limits
root = Path(sys.argv[1])
with Executor(preload=(), scratch=root / "scratch", isolation="overlay") as executor:
    outcome = executor.run(Job(
        "dlfix.diagnose.execution.plain:run", str(root / "mine" / "train.py"), str(root / "mine"),
        str(root / "mine" / "out"), Limits(20, 1 << 30)))
    print(outcome.state, outcome.reason, outcome.log.read_text(), sep="|", end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_overlay_without_being_root() -> None:
    """In a user namespace, with a project in a directory that belongs to somebody else."""
    root = Path(tempfile.mkdtemp(prefix="dlfix-test-"))
    somebody, elsewhere = 65534, Path(f"{root}-elsewhere")
    try:
        root.chmod(0o755)
        for name in ("mine", "mine/out", "scratch"):
            (root / name).mkdir()
        (root / "mine" / "model.bin").write_bytes(b"precious")
        source = HARMLESS["remove tree and remake"].replace("data", "folder").replace("shutil.rmtree", "os.rmdir")
        checks = "open('model.bin', 'w').write('n'); print(os.getuid(), open('model.bin').read(), os.getcwd())\n"
        (root / "mine" / "train.py").write_text(
            "import os, subprocess\nos.mkdir('folder')\n"
            + source
            + "\n"
            + checks
            + f"subprocess.run('echo s > model.bin; rm train.py; touch ../../{elsewhere.name}', shell=True)\n",
            encoding="utf-8",
        )
        for path in (root / "mine", root / "scratch", *(root / "mine").rglob("*")):
            os.chown(path, somebody, somebody)
        before = {name: content for name, content in picture(root / "mine").items() if "/out" not in name}
        command = [sys.executable, "-P", "-c", _AS_SOMEBODY, str(root)]
        try:
            done = subprocess.run(
                command,
                user=somebody,
                group=somebody,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
                cwd=root,
            )
        except PermissionError:
            pytest.skip("the interpreter cannot be reached by others")
        if "not possible here" in done.stderr or "Permission denied" in done.stderr:
            pytest.skip(done.stderr.strip().splitlines()[-1])
        assert done.stdout == f"completed||{somebody} n {root}/mine\n", done.stderr
        after = {name: content for name, content in picture(root / "mine").items() if "/out" not in name}
        assert after == before
        assert not elsewhere.exists()
        assert list((root / "scratch").iterdir()) == []
    finally:
        shutil.rmtree(root)


@pytest.mark.slow
def test_everything_tensorflow_writes(project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text(TENSORFLOW, encoding="utf-8")
    (project / "best.keras").write_bytes(b"the user's own")
    before = picture(project)
    for start, kind in (("fork", "overlay"), ("spawn", "redirect+landlock")):
        with Executor(start, isolation=kind) as executor:
            outcome = executor.run(
                make_job(project / "train.py", project, tmp_path / "out", seconds=120.0, memory=4 << 30)
            )
        assert outcome.state is JobState.COMPLETED, log_of(outcome)[-3000:]
        assert log_of(outcome).endswith("all there\n")
        assert picture(project) == before


TENSORFLOW = """
import glob, os
import numpy as np
import tensorflow as tf, keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Dense(1)])
model.compile("adam", "mse")
callbacks = [
    keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True, monitor="loss"),
    keras.callbacks.CSVLogger("log.csv"),
    keras.callbacks.BackupAndRestore("backup"),
]
model.fit(np.random.rand(64, 4), np.random.rand(64), epochs=1, verbose=0, callbacks=callbacks)
model.save("old.h5"); model.save_weights("w.weights.h5"); model.export("saved")
keras.models.load_model("best.keras"); model.load_weights("w.weights.h5"); tf.saved_model.load("saved")
variable = tf.Variable(1.0)
prefix = tf.train.Checkpoint(v=variable).save("ck/a")
variable.assign(3.0)
tf.train.Checkpoint(v=variable).restore(tf.train.latest_checkpoint("ck")).assert_consumed()
assert variable.numpy() == 1.0
manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=variable), "managed", max_to_keep=1)
manager.save(); manager.save()
reader = tf.train.load_checkpoint("ck")
assert [reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.startswith("v/")] == [1.0]
tf.io.write_file("text.txt", "abc"); assert tf.io.read_file("text.txt").numpy() == b"abc"
with tf.io.TFRecordWriter("r.tfrecord") as writer: writer.write(b"a")
assert list(tf.data.TFRecordDataset("r.tfrecord").as_numpy_iterator()) == [b"a"]
with tf.summary.create_file_writer("summaries").as_default(): tf.summary.write("a", 1.0, step=1)
assert glob.glob("summaries/events*") and tf.io.gfile.listdir("managed")
assert sorted(os.listdir()) == sorted(["best.keras", "ck", "data", "log.csv", "managed", "model.bin", "old.h5",
    "r.tfrecord", "saved", "summaries", "text.txt", "train.py", "w.weights.h5"]), os.listdir()
print("all there")
"""
