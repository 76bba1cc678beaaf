"""The processes of a measurement: started on free loopback ports, observed in /proc, stopped by process id."""

import ctypes
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_TIMEOUT_S = 15
STOP_TIMEOUT_S = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Failure(Exception):
    """Something could not be measured. The text names it."""


def free_ports(count):
    """Different ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [taken.getsockname()[1] for taken in sockets]
    finally:
        for taken in sockets:
            taken.close()


class Service:
    """One HTTP service and the redis-servers behind it."""

    def __init__(self, process, port, redis):
        self.process, self.redis = process, redis
        self.url = f"http://127.0.0.1:{port}"

    def request(self, method, path):
        """The body of the answer, which must be 200."""
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {self.url}{path}: {error.code} {error.read().decode()}") from error
        except OSError as error:
            raise Failure(f"{method} {self.url}{path}: {error}") from error

    def cpu_us(self):
        """CPU time so far in microseconds: of the service, and of its redis-servers."""
        return cpu_us(self.process.pid), sum(cpu_us(redis.pid) for redis in self.redis)

    def memory_mb(self):
        """Resident memory in MB (1,000,000 bytes): the current value, and the highest so far."""
        with open(f"/proc/{self.process.pid}/status") as file:
            text = file.read()
        return tuple(int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))


def cpu_us(pid):
    """User and system time of a process, with its ended threads (proc(5), stat)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def busy_us():
    """CPU time of all programs and interrupts of the machine, with stolen time (proc(5), stat)."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * 1e6 / os.sysconf("SC_CLK_TCK")


class Machine:
    """Starts services; leaving the `with` block always stops them all."""

    def __init__(self, keep):
        self.keep = keep
        self.processes = []

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="cap-bench-")
        # SIGTERM must leave the block, too, so that the processes are stopped.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(143)))
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.keep:
            print(f"data and logs are in {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, name, command, environment=None):
        """Starts a process in its own session, so that Ctrl-C reaches this program only. It ends with this program."""
        if not shutil.which(command[0]):
            raise Failure(f"{command[0]} not found; 'scripts/setup.sh bench' and 'make build' provide it")
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "log"), "wb") as log:
            process = subprocess.Popen(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.processes.append(process)
        return process

    def wait_until(self, name, process, is_ready):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            if process.poll() is not None:
                raise Failure(f"{name} exited with {process.returncode}: {self.last_lines(name)}")
            if is_ready():
                return
            time.sleep(0.02)
        raise Failure(f"{name} was not ready after {START_TIMEOUT_S} s: {self.last_lines(name)}")

    def last_lines(self, name):
        with open(os.path.join(self.directory, name, "log"), errors="replace") as log:
            return log.read()[-600:].strip()

    # The services.

    def redis(self, name, port, fsync):
        process = self.start(
            name,
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
             "--appendfsync", fsync, "--maxmemory-policy", "noeviction"])
        self.wait_until(name, process, lambda: answers(port, b"PING\r\n", b"+PONG"))
        return process

    def webdis(self, threads):
        redis_port, port = free_ports(2)
        redis = self.redis("webdis-redis", redis_port, "no")
        path = os.path.join(self.directory, "webdis.json")
        with open(path, "w") as file:
            json.dump(
                {"redis_host": "127.0.0.1", "redis_port": redis_port, "http_host": "127.0.0.1", "http_port": port,
                 "threads": threads, "daemonize": False, "database": 0, "acl": [], "verbosity": 0,
                 "logfile": "/dev/null"}, file)
        return self.service("webdis", ["webdis", path], None, port, "/PING", [redis])

    def app_cp(self, bin_directory, fsync, suffix=""):
        name = f"cp-fsync-{fsync}{suffix}"
        environment, port, redis = self.group(name, "cp", fsync)
        program = os.path.join(os.path.abspath(bin_directory), "app-cp")
        init = self.start(f"{name}-init", [program, "init"], environment)
        if init.wait(START_TIMEOUT_S) != 0:
            raise Failure(f"app-cp init: {self.last_lines(f'{name}-init')}")
        return self.service(name, [program], environment, port, "/health/ready", redis)

    def app_ap(self, bin_directory, suffix=""):
        name = f"ap{suffix}"
        environment, port, redis = self.group(name, "ap", "no")
        program = os.path.join(os.path.abspath(bin_directory), "app-ap")
        return self.service(name, [program], environment, port, "/health/ready", redis)

    def group(self, name, mode, fsync):
        """Starts three replicas. Returns the environment of a service on them, with defaults for all other settings."""
        *redis_ports, port = free_ports(4)
        redis = [self.redis(f"{name}-redis-{number}", redis_ports[number], fsync) for number in range(3)]
        replicas = ",".join(f"g{number + 1}=redis://127.0.0.1:{redis_ports[number]}" for number in range(3))
        environment = {
            "PATH": os.environ["PATH"], "REPLICAS": replicas, "HTTP_BIND": "127.0.0.1", "HTTP_PORT": str(port),
            "GROUP": mode, "NODE_ID": f"bench-{mode}", "LOG_LEVEL": "warning", "SECRET_KEY": "only-for-measuring-here"}
        for inherited in ("LD_LIBRARY_PATH", "HOME"):
            if inherited in os.environ:
                environment[inherited] = os.environ[inherited]
        return environment, port, redis

    def service(self, name, command, environment, port, path, redis):
        process = self.start(name, command, environment)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        self.wait_until(name, process, lambda: answers(port, request, b"HTTP/1.1 200"))
        return Service(process, port, redis)


def answers(port, request, start):
    """Whether the server on `port` answers `request` with something that begins with `start`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(len(start), socket.MSG_WAITALL) == start
    except OSError:
        return False


def wrk(url, seconds, connections, script_arguments):
    """Runs wrk with the key script. Returns its figures by name."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk", "keys.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, url, "--", *script_arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False).stdout
    except FileNotFoundError as error:
        raise Failure("wrk not found; 'scripts/setup.sh bench' installs it") from error
    figures = re.search(r"^figures (.*)$", output, re.MULTILINE)
    if not figures:
        raise Failure(f"wrk printed no figures: {output.strip()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result = {name: int(number) for name, number in (pair.split("=") for pair in figures[1].split())}
    return result | {"cpu_us": used_s * 1e6}


def describe():
    """The machine and the versions, in one line."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    redis = re.search(r"v=(\S+)", subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout)
    return (
        f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}, Linux {platform.release()}, "
        f"Redis {redis[1] if redis else '?'}")
