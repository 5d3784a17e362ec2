"""Nothing half-written ever stands under its final name."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hilum.errors import WriteError
from hilum.writers import whole
from hilum.writers.whole import MARKER, STALE_SECONDS, whole_file, whole_folder

FULL = OSError(errno.ENOSPC, "No space left on device")


def write_result(path: Path, text: str) -> None:
    with whole_folder(path) as folder:
        (folder / MARKER).write_text(text)


def fail(place: Callable[[Path], AbstractContextManager[Path]], path: Path, error: BaseException) -> None:
    """Begin to write, and raise ``error`` half-way."""
    with place(path) as unfinished:
        (unfinished / MARKER if unfinished.is_dir() else unfinished).write_text("half")
        raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFile:
    def test_appears_when_whole(self, tmp_path):
        path = tmp_path / "new" / "a.nii.gz"
        with whole_file(path) as unfinished:
            assert unfinished.name.endswith(".nii.gz")
            assert unfinished.parent == path.parent
            unfinished.write_text("1")
            assert not path.exists()
        assert path.read_text() == "1"
        assert names(path.parent) == ["a.nii.gz"]

    @pytest.mark.parametrize("error", [FULL, ValueError("no"), KeyboardInterrupt()])
    def test_error_leaves_what_was_there(self, tmp_path, error):
        path = tmp_path / "a.csv"
        path.write_text("old")
        with pytest.raises(WriteError if error is FULL else type(error)):
            fail(whole_file, path, error)
        assert path.read_text() == "old"
        assert names(tmp_path) == ["a.csv"]

    def test_disk_full_is_a_sentence(self, tmp_path):
        path = tmp_path / "a.csv"
        with pytest.raises(WriteError) as caught, whole_file(path):
            raise FULL
        assert str(caught.value) == (
            f"Cannot write '{path}': the disk is full. Free some space there, or choose another output folder."
        )
        assert caught.value.path == path

    def test_a_file_where_a_folder_is_needed(self, tmp_path):
        (tmp_path / "taken").write_text("")
        with pytest.raises(WriteError, match="a file"), whole_file(tmp_path / "taken" / "a.csv"):
            pass
        with pytest.raises(WriteError, match="a file"), whole_file(tmp_path / "taken" / "deeper" / "a.csv"):
            pass

    def test_a_name_too_long(self, tmp_path):
        with pytest.raises(WriteError, match="too long"), whole_file(tmp_path / ("x" * 300)) as unfinished:
            unfinished.write_text("")

    def test_other_errors_keep_their_words(self, tmp_path):
        error = OSError(errno.EIO, "Input/output error")
        assert "Input/output error. Choose another" in str(whole.write_error(tmp_path, error))


class TestFolder:
    def test_appears_when_whole(self, tmp_path):
        path = tmp_path / "out" / "case"
        with whole_folder(path) as folder:
            (folder / MARKER).write_text("1")
            assert not path.exists()
        assert names(path) == [MARKER]
        assert names(path.parent) == ["case"]

    def test_permissions_follow_the_umask(self, tmp_path):
        write_result(tmp_path / "case", "1")
        (tmp_path / "plain").mkdir()
        assert (tmp_path / "case").stat().st_mode == (tmp_path / "plain").stat().st_mode

    def test_an_earlier_result_is_replaced_whole(self, tmp_path):
        path = tmp_path / "case"
        write_result(path, "old")
        (path / "overlay.png").write_text("old")
        write_result(path, "new")
        assert names(path) == [MARKER]
        assert (path / MARKER).read_text() == "new"
        assert names(tmp_path) == ["case"]

    @pytest.mark.parametrize("error", [FULL, ValueError("no"), KeyboardInterrupt()])
    def test_error_leaves_what_was_there(self, tmp_path, error):
        path = tmp_path / "case"
        write_result(path, "old")
        with pytest.raises(WriteError if error is FULL else type(error)):
            fail(whole_folder, path, error)
        assert (path / MARKER).read_text() == "old"
        assert names(tmp_path) == ["case"]

    def test_a_failing_rename_brings_the_old_one_back(self, tmp_path, monkeypatch):
        path = tmp_path / "case"
        write_result(path, "old")
        rename = Path.rename

        def failing(self, target):
            if target == path and not self.suffix:
                raise OSError(errno.EIO, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(WriteError, match="Input/output error"):
            write_result(path, "new")
        assert (path / MARKER).read_text() == "old"
        assert names(tmp_path) == ["case"]

    def test_somebody_elses_folder_is_left_alone(self, tmp_path):
        path = tmp_path / "case"
        path.mkdir()
        (path / "thesis.tex").write_text("years of work")
        with pytest.raises(WriteError, match=r"holds no result\.json.*will not be replaced"):
            write_result(path, "1")
        assert names(path) == ["thesis.tex"]
        assert names(tmp_path) == ["case"]

    def test_an_empty_folder_may_be_replaced(self, tmp_path):
        (tmp_path / "case").mkdir()
        write_result(tmp_path / "case", "1")
        assert names(tmp_path / "case") == [MARKER]

    def test_a_file_of_that_name(self, tmp_path):
        (tmp_path / "case").write_text("notes")
        with pytest.raises(WriteError, match="a file of that name"):
            write_result(tmp_path / "case", "1")
        assert (tmp_path / "case").read_text() == "notes"


class TestKilled:
    @pytest.fixture(autouse=True)
    def new_process(self):
        whole._clear_stale.cache_clear()

    def test_nothing_stands_under_the_final_name(self, tmp_path):
        script = (
            "import pathlib, sys, time\n"
            "from hilum.writers.whole import whole_folder\n"
            "with whole_folder(pathlib.Path(sys.argv[1])) as folder:\n"
            "    (folder / 'result.json').write_text('half')\n"
            "    print('ready', flush=True)\n"
            "    time.sleep(600)\n"
        )
        path = tmp_path / "case"
        with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGKILL)
        assert not path.exists()
        (left,) = names(tmp_path)
        assert left.startswith(".hilum-")
        write_result(path, "1")
        assert names(tmp_path) == [left, "case"]  # it might be another run's, and in work

    def test_what_was_left_unfinished_long_ago_is_removed(self, tmp_path):
        long_ago = time.time() - 2 * STALE_SECONDS
        (tmp_path / ".hilum-00000000").mkdir()
        (tmp_path / ".hilum-00000000" / "lungs.png").touch()
        (tmp_path / ".hilum-11111111.csv").touch()
        (tmp_path / ".hilum-22222222").mkdir()
        (tmp_path / "notes").touch()
        for name in (".hilum-00000000", ".hilum-11111111.csv", "notes"):
            os.utime(tmp_path / name, (long_ago, long_ago))
        write_result(tmp_path / "case", "1")
        assert names(tmp_path) == [".hilum-22222222", "case", "notes"]

    def test_between_the_two_renames(self, tmp_path):
        path = tmp_path / "case"
        write_result(path, "old")
        path.rename(self._displaced(path))
        with pytest.raises(ValueError, match="no"):
            fail(whole_folder, path, ValueError("no"))
        assert (path / MARKER).read_text() == "old"
        assert names(tmp_path) == ["case"]

    def test_after_the_two_renames(self, tmp_path):
        path = tmp_path / "case"
        write_result(path, "old")
        shutil.copytree(path, self._displaced(path))
        write_result(path, "newer")
        assert (path / MARKER).read_text() == "newer"
        assert names(tmp_path) == ["case"]

    def test_other_cases_are_not_touched(self, tmp_path):
        other = self._displaced(tmp_path / "other")
        other.mkdir()
        os.utime(other, (0, 0))
        write_result(tmp_path / "case", "1")
        assert other.is_dir()

    @staticmethod
    def _displaced(path: Path) -> Path:
        """The hidden name of an earlier result while it is replaced, as a kill shows it."""
        seen: list[str] = []

        def killed(folder: Path) -> None:
            seen.append(folder.name)
            raise KeyboardInterrupt

        with tempfile.TemporaryDirectory() as elsewhere, pytest.MonkeyPatch.context() as patch:
            there = Path(elsewhere) / path.name
            write_result(there, "old")
            rename = Path.rename
            patch.setattr(Path, "rename", lambda self, target: rename(self, target) and killed(target))
            with pytest.raises(KeyboardInterrupt):
                write_result(there, "new")
        return path.with_name(seen[0])
