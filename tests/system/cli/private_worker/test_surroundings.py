"""A private worker that is started in an unusual environment: neither it nor later jobs inherit that."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import SECONDS, Home, command

# The other arguments of prctl(2).
NONE = (ctypes.c_ulong(0),) * 4
DAEMONS = ("pid", "supervisor_pid", "keeper_pid")
# Signals 32 and 33: its posix_spawn ignores them in every child.
OWN_OF_GLIBC = 3 << 31
ALL_IGNORED = f"""
import os, signal, sys
for number in signal.valid_signals() - {{signal.SIGKILL, signal.SIGSTOP}}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals() - {{{int(signal.SIGCHLD)}}})
"""
ODD_PRIORITIES = """
import os, sys
os.nice(19)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
open("/proc/self/oom_score_adj", "w").write("500")
"""
EXECUTE = "os.execv(sys.argv[1], sys.argv[1:])"


@pytest.fixture
def home(empty_home: Home) -> Home:
    return empty_home


def started_by(home: Home, *prefix: str, arguments: tuple[str, ...] = ("run", "--", "true")) -> subprocess.CompletedProcess[bytes]:
    """Run a jobwire command under another program, such as nice."""
    ended = subprocess.run(
        [*prefix, *command(*arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=home.env,
        cwd=home.folder,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return ended


def said(home: Home, program: str) -> list[str]:
    """Run a shell program as a job, and return the lines that it wrote."""
    return home.jobwire("run", "--", "sh", "-c", program).stdout.decode().splitlines()


def status_of(pid: int) -> dict[str, str]:
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def daemons(home: Home) -> list[int]:
    worker = home.records("worker", "status")[0]
    return [worker[name] for name in DAEMONS]


def test_soft_limits_of_the_first_caller_are_not_those_of_daemons_and_later_jobs(home: Home) -> None:
    limits = "ulimit -S -f 2000 -c 5 -s 1024 -n 256 -t 1000 -v 4000000"
    started_by(home, "sh", "-c", f'{limits}; exec "$0" "$@"')
    assert len(home.jobwire("run", "head", "-c", "3000000", "/dev/zero").stdout) == 3_000_000
    hard = int(said(home, "ulimit -H -n")[0])
    jobs = said(home, "ulimit -f; ulimit -t; ulimit -v; ulimit -c; ulimit -s; ulimit -n")
    assert jobs == ["unlimited", "unlimited", "unlimited", "0", "8192", str(min(1024, hard))]
    for pid in daemons(home):
        assert "Max file size             unlimited" in Path(f"/proc/{pid}/limits").read_text()


def test_hard_limits_that_cannot_be_raised_are_named_and_gone_with_the_first_caller_without_them(home: Home) -> None:
    limited = ("sh", "-c", 'ulimit -f 20000; exec "$0" "$@"')
    first = started_by(home, *limited)
    if not first.stderr:
        pytest.skip("this user may raise hard limits")
    named = "at most 10240000 bytes in a file (hard limit RLIMIT_FSIZE)"
    assert first.stderr.decode() == f"jobwire: your private worker and its jobs keep these settings of this shell: {named}\n"
    (before,) = home.records("worker", "status")
    assert before["surroundings"] == [named]
    assert named in home.jobwire("worker", "status").stdout.decode()
    # The same environment again is no reason to restart the worker, and neither is a better one while jobs are running.
    started_by(home, *limited, arguments=("submit", "-n", "busy", "--", "sleep", "600"))
    home.jobwire("list")
    assert home.records("worker", "status")[0]["pid"] == before["pid"]
    home.jobwire("stop", "--now", "busy")
    assert said(home, "ulimit -f") == ["unlimited"]
    assert home.records("worker", "status")[0]["surroundings"] == []


def test_each_hard_limit_is_named_and_gone_with_the_first_caller_without_it(home: Home) -> None:
    limited = ("sh", "-c", 'ulimit -c 0; ulimit -l 0; exec "$0" "$@"')
    first = started_by(home, "prlimit", "--sigpending=5:5", "--msgqueue=0:0", "--rttime=1000000:1000000", *limited).stderr.decode()
    if not first:
        pytest.skip("this user may raise hard limits")
    for name in ("CORE", "MEMLOCK", "SIGPENDING", "MSGQUEUE", "RTTIME"):
        assert f"hard limit RLIMIT_{name}" in first
    home.jobwire("run", "--", "true")
    assert home.records("worker", "status")[0]["surroundings"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lowers a nice value")
def test_priorities_of_the_first_caller_are_not_those_of_daemons_and_later_jobs(home: Home) -> None:
    # Also those that this process may not use, as after taskset(1).
    count = "import os; os.sched_setaffinity(0, range(1024)); print(len(os.sched_getaffinity(0)))"
    every = int(subprocess.run([sys.executable, "-c", count], capture_output=True, timeout=SECONDS, check=True).stdout)
    started_by(home, sys.executable, "-c", ODD_PRIORITIES + EXECUTE)
    asks = "import os; print(os.getpriority(0, 0), os.sched_getscheduler(0), len(os.sched_getaffinity(0)))\n"
    asks += "print(open('/proc/self/oom_score_adj').read())"
    assert home.jobwire("run", sys.executable, "-c", asks).stdout.split() == [b"0", b"0", b"%d" % every, b"0"]
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in daemons(home)] == [-10, -10, 0]
    if Path("/proc/self/autogroup").exists():
        assert [Path(f"/proc/{pid}/autogroup").read_text().split()[-1] for pid in daemons(home)] == ["-10"] * 3
        assert home.jobwire("run", "cat", "/proc/self/autogroup").stdout.split()[-1] == b"0"
    assert {os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK for pid in daemons(home)} == {os.SCHED_OTHER}


def test_what_core_files_contain_and_huge_pages_are_not_as_the_first_caller_had_them(home: Home) -> None:
    # PR_SET_THP_DISABLE of prctl(2).
    odd = "import ctypes, os, sys; ctypes.CDLL(None).prctl(41, 1, 0, 0, 0); open('/proc/self/coredump_filter', 'w').write('0x1')\n"
    started_by(home, sys.executable, "-c", odd + EXECUTE)
    machine = Path("/proc/1/coredump_filter").read_text()
    assert said(home, "cat /proc/self/coredump_filter") == [machine.strip()]
    for pid in daemons(home):
        assert Path(f"/proc/{pid}/coredump_filter").read_text() == machine
        assert status_of(pid).get("THP_enabled", "1") == "1"


def test_equal_pages_of_later_jobs_are_not_merged_as_those_of_the_first_caller(home: Home) -> None:
    # PR_SET_MEMORY_MERGE of prctl(2), as with MemoryKSM=yes of systemd.
    if ctypes.CDLL(None).prctl(68, *NONE) != 0:
        pytest.skip("this kernel does not know it")
    started_by(home, sys.executable, "-c", f"import ctypes, os, sys; ctypes.CDLL(None).prctl(67, 1, 0, 0, 0)\n{EXECUTE}")
    asks = "import ctypes; print(ctypes.CDLL(None).prctl(68, 0, 0, 0, 0))"
    assert home.jobwire("run", sys.executable, "-c", asks).stdout == b"0\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the system calls are those of x86_64")
def test_keys_can_be_used_in_jobs_after_the_session_of_the_first_caller_has_ended(home: Home) -> None:
    # keyctl(2): join a session keyring; a logout revokes it, see pam_keyinit(8). The user's own keyring is in that of jobs.
    keyctl = "import ctypes, os, subprocess, sys; call = ctypes.CDLL(None).syscall\n"
    if subprocess.run([sys.executable, "-c", f"{keyctl}sys.exit(call(250, 1, None) < 0)"], timeout=SECONDS, check=False).returncode:
        pytest.skip("this kernel, or a filter, has no keys")
    session = "call(250, 1, b'session'); status = subprocess.call(sys.argv[1:]); call(250, 3, -3); sys.exit(status)"
    started_by(home, sys.executable, "-c", keyctl + session)
    uses = "made = call(248, b'user', b'mine', b'secret', 6, -4); print(made > 0, call(250, 10, -3, b'user', b'mine', 0) == made)"
    assert home.jobwire("run", sys.executable, "-c", keyctl + uses).stdout == b"True True\n"


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        # PR_SET_MDWE of prctl(2), as with MemoryDenyWriteExecute=yes of systemd.
        ("prctl(65, 1, 0, 0, 0)", "no memory can become executable"),
        # PR_SET_NO_NEW_PRIVS, and a filter that allows everything, on top of those that process 1 may have.
        ("prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0)", "system calls are filtered"),
    ],
    ids=["executable memory", "filter"],
)
def test_what_cannot_be_allowed_again_is_named_and_gone_with_the_first_caller_that_has_it(home: Home, denied: str, named: str) -> None:
    odd = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
# BPF_RET | BPF_K, SECCOMP_RET_ALLOW; see seccomp(2).
allow = ctypes.create_string_buffer((6).to_bytes(4, "little") + 0x7FFF0000.to_bytes(4, "little"), 8)
program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))
if libc.{denied}:
    sys.exit("the kernel does not know it")
"""
    if subprocess.run([sys.executable, "-c", odd], capture_output=True, timeout=SECONDS, check=False).returncode:
        pytest.skip("this kernel does not know it")
    assert named in started_by(home, sys.executable, "-c", odd + EXECUTE).stderr.decode()
    home.jobwire("run", "--", "true")
    assert home.records("worker", "status")[0]["surroundings"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has them")
def test_capabilities_that_securebits_take_away_are_named_and_gone_with_the_first_caller_that_has_them(home: Home) -> None:
    told = started_by(home, "setpriv", "--securebits=+noroot").stderr.decode()
    assert "fewer capabilities than root usually has" in told
    home.jobwire("run", "--", "true")
    assert home.records("worker", "status")[0]["surroundings"] == []


def test_no_daemon_carries_the_environment_of_the_first_caller(home: Home) -> None:
    home.env |= {"MARK": "x", "JOBWIRE_JOB_ID": "not ours", "LD_PRELOAD": "", "TMPDIR": "/nowhere"}
    home.jobwire("run", "true")
    allowed = {"PATH", "LANG", "HOME", "JOBWIRE_HANDOVER", "LC_CTYPE"}
    for pid in daemons(home):
        variables = dict(line.partition("=")[::2] for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if line)
        own = {name for name in variables if not name.startswith(("PYTHON", "COVERAGE"))}
        assert own <= allowed
        assert variables["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_signals_that_the_first_caller_ignored_or_blocked_are_neither_in_daemons_nor_in_jobs(home: Home) -> None:
    started_by(home, sys.executable, "-c", ALL_IGNORED + EXECUTE)
    ignored_by_python = sum(1 << number - 1 for number in (signal.SIGPIPE, signal.SIGXFSZ))
    for pid in daemons(home):
        status = status_of(pid)
        assert (int(status["SigBlk"], 16), int(status["SigIgn"], 16) & ~OWN_OF_GLIBC) == (0, ignored_by_python)
    asks = "print(*(line.split()[1] for line in open('/proc/self/status') if line[:6] in ('SigBlk', 'SigIgn')))"
    # The job is Python, which ignores these two itself.
    blocked, ignored = (int(mask, 16) for mask in home.jobwire("run", sys.executable, "-c", asks).stdout.split())
    assert (blocked, ignored & ~OWN_OF_GLIBC) == (0, ignored_by_python)


def test_a_library_in_a_process_that_ignores_the_ends_of_its_children_starts_a_private_worker(home: Home) -> None:
    program = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); import jobwire\n"
    program += "with jobwire.Client() as client: print(client.run(['sh', '-c', 'exit 3']).returncode)"
    ended = subprocess.run([sys.executable, "-P", "-c", program], env=home.env, capture_output=True, timeout=SECONDS, check=False)
    assert (ended.stdout, ended.returncode) == (b"3\n", 0), ended.stderr.decode()


def test_a_umask_that_takes_everything_away_is_not_that_of_the_daemons(home: Home) -> None:
    started_by(home, "sh", "-c", 'umask 0777; exec "$0" "$@"')
    assert said(home, "umask") == ["0022"]
    for pid, umask in zip(daemons(home), ("0077", "0022", "0077"), strict=True):
        assert status_of(pid)["Umask"] == umask


@pytest.fixture(params=["", "off"], ids=["cgroups", "no cgroups"])
def outer(request: pytest.FixtureRequest, tmp_path: Path, bytecode: Path) -> Iterator[Home]:
    """Return a home whose jobs start a private worker in another home."""
    with Worker(tmp_path / "outer", env={"JOBWIRE_CGROUPS": request.param}).start() as worker:
        made = Home(tmp_path / "outer home", bytecode)
        made.use(worker, worker.admin)
        yield made


def test_a_private_worker_that_a_job_starts_outlives_the_job(home: Home, outer: Home) -> None:
    gate = home.folder / "gate"
    os.mkfifo(gate)
    variables = [f"{name}={home.env[name]}" for name in ("JOBWIRE_CONFIG", "JOBWIRE_STATE", "PYTHONPYCACHEPREFIX")]
    job = f"echo begun > {gate}; read x < {gate}; echo whole; exit 7"
    submit = ["env", *variables, *command("submit", "-q", "-n", "inner", "--", "sh", "-c", job)]
    outer.jobwire("run", "-C", str(home.folder), "--", *submit)
    assert gate.read_text() == "begun\n"
    for pid in daemons(home):
        assert "/job-" not in Path(f"/proc/{pid}/cgroup").read_text()
        # The mark of the job that started it.
        timeout = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max realtime timeout"))
        assert timeout.split()[3] == "unlimited"
    gate.write_text("\n")
    assert home.jobwire("wait", "inner", status=7)
    assert home.jobwire("logs", "inner").stdout == b"whole\n"


LEAVE = """
import os, sys
from pathlib import Path
from jobwire.schemas.refusal import Refused
from jobwire.worker.own_process import leaving
Path(sys.argv[1], "cgroup.procs").write_text("0")
os.setgroups([]); os.setresgid(54321, 54321, 54321); os.setresuid(54321, 54321, 54321)
try:
    print("left", leaving.leave())
except Refused as refused:
    print("refused", refused)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/sys/fs/cgroup").is_dir(), reason="only root makes cgroups")
@pytest.mark.parametrize(
    ("name", "begins", "has"),
    [
        ("jobwire-ab-12/job-1", "refused", "would be in the cgroup of the job that starts it"),
        ("jobwire-ab-12/job-1/deeper", "refused", "Permission denied"),
        ("session-7.scope", "left it is in the cgroup of a login session", "KillUserProcesses"),
        ("something", "left", ""),
    ],
)
def test_the_cgroup_of_a_job_that_cannot_be_left_is_refused_and_that_of_a_login_reported(name: str, begins: str, has: str) -> None:
    mount = next((line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line), None)
    if mount is None or not os.access(mount, os.W_OK):
        pytest.skip("no writable cgroup v2")
    top = Path(mount, f"test-{os.getpid()}")
    folder = top / name
    folder.mkdir(parents=True)
    try:
        ended = subprocess.run([sys.executable, "-P", "-c", LEAVE, folder], capture_output=True, text=True, timeout=SECONDS, check=True)
    finally:
        for one in (folder, *folder.parents):
            if one == top.parent:
                break
            one.rmdir()
    assert ended.stdout.startswith(begins)
    assert has in ended.stdout


def test_a_line_end_in_the_name_of_a_folder_forges_no_line(home: Home) -> None:
    home.env["JOBWIRE_STATE"] = f"{home.state}\nworker       running"
    home.jobwire("run", "--", "true")
    said = home.jobwire("worker", "status").stdout.decode().splitlines()
    assert [line for line in said if line.startswith("worker ")] == said[:1]
    assert [line for line in said if line.startswith("state ")] == [f"state        {home.state}\\nworker       running/worker"]
    assert b"\n" not in home.jobwire("worker", "stop").stderr.removesuffix(b"\n")


def test_a_current_folder_that_was_removed_is_missed_only_by_jobs_that_need_it(home: Home) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    assert started_by(home, "sh", "-c", script, "sh", arguments=("run", "-C", "/", "--", "pwd")).stdout == b"/\n"


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys
module = sys.argv[1]
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv[:2] = []
from jobwire.client.cli import main
main()
"""


@pytest.mark.parametrize("module", ["jobwire.client.cli.main", "typer", "jobwire.client.cli.terminal.streams"])
def test_ctrl_c_while_a_command_is_loaded_ends_it_without_a_word(home: Home, module: str) -> None:
    command_line = [sys.executable, "-P", "-c", INTERRUPTED_WHILE_LOADING, module, "jobwire", "context", "list"]
    ended = subprocess.run(command_line, capture_output=True, env=home.env, timeout=SECONDS, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_ctrl_c_while_a_worker_starts_ends_it_in_order(home: Home, tmp_path: Path) -> None:
    """Sent as soon as the interpreter of the daemon runs, which is before it has loaded anything."""
    run = command("worker", "run", "--state", str(tmp_path / "other"), "--roster", str(tmp_path / "roster.toml"))
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(run, stdout=log, stderr=log, env=home.env, cwd=home.folder) as worker:
        cmdline = Path(f"/proc/{worker.pid}/cmdline")
        wait_until(lambda: b"jobwire.worker.main" in cmdline.read_bytes(), "it is the daemon")
        worker.send_signal(signal.SIGINT)
        assert worker.wait(SECONDS) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
