"""What every measurement needs: a folder, the sink, the relay, the load, and who else was at work meanwhile.

All that is started here is ended by Lab.close(), in whatever way the program ends.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LEAD = HERE / 'lead.json'
BEARER = 'bench-token-0123456789abcdef'
TICKS = os.sysconf('SC_CLK_TCK')
CORES = os.sysconf('SC_NPROCESSORS_ONLN')
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Trouble(Exception):
    """Said to the user as it is."""


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return True
    except OSError:
        return False


def wait_until(what, holds, seconds=30, every=0.02):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise Trouble(f'waited {seconds} s in vain: {what}')
        time.sleep(every)


def environment():
    drop = ('http_proxy', 'https_proxy', 'LEADRELAY_CONFIG', 'NOTIFY_SOCKET', 'JOURNAL_STREAM')
    return {name: value for name, value in os.environ.items() if name not in drop}


# ---- who else is at work ----

def busy_ticks():
    """Of all cores: what programs and the kernel for them used; and what the hypervisor gave to other machines."""
    with open('/proc/stat') as file:
        user, nice, system, _idle, _wait, _irq, _softirq, steal = map(int, file.readline().split()[1:9])
    return user + nice + system, steal


def processes():
    """pid: (parent, kernel thread, ticks of itself and of its ended children)"""
    found = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat') as file:
                rest = file.read().rpartition(')')[2].split()
        except OSError:
            continue
        found[int(name)] = (int(rest[1]), bool(int(rest[6]) & 0x00200000), sum(map(int, rest[11:15])))
    return found


def our_ticks(found):
    """This program with all that it started, and the kernel's own threads (they work for the disk that we use)."""
    children = {}
    for pid, (parent, _, _) in found.items():
        children.setdefault(parent, []).append(pid)
    ours, todo = 0, [os.getpid()]
    while todo:
        pid = todo.pop()
        ours += found[pid][2] if pid in found else 0
        todo += children.get(pid, [])
    return ours + sum(ticks for _, kernel, ticks in found.values() if kernel)


class Watch:
    """The share of the machine that others used while it was open."""

    def __init__(self):
        self.others = self.steal = self.elapsed = 0.0

    def __enter__(self):
        self.begin = (time.monotonic(), busy_ticks(), our_ticks(processes()))
        return self

    def __exit__(self, *_):
        at, (busy, steal), ours = self.begin
        found, (busy_now, steal_now) = processes(), busy_ticks()
        self.elapsed += time.monotonic() - at
        self.others += max(0, (busy_now - busy - (our_ticks(found) - ours)) / TICKS)
        self.steal += (steal_now - steal) / TICKS
        return False

    def share(self):
        return self.others / (self.elapsed * CORES) if self.elapsed else 0.0

    def stolen(self):
        return self.steal / (self.elapsed * CORES) if self.elapsed else 0.0


# ---- programs ----

class Lab:
    def __init__(self, build, folder):
        self.build = pathlib.Path(build)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='leadrelay-bench.', dir=folder))
        self.children = []
        self.count = 0

    def program(self, name):
        for folder in ('bench', 'bin'):
            path = self.build / folder / name
            if path.exists():
                return str(path)
        raise Trouble(f'{name} is not built in {self.build}')

    def start(self, args, log=None, **options):
        with open(log or os.devnull, 'ab') as out:
            child = subprocess.Popen(list(map(str, args)), stdin=subprocess.DEVNULL, stdout=options.pop('stdout', out),
                                     stderr=out, env=environment(), preexec_fn=die_with_parent, **options)
        self.children.append(child)
        return child

    def stop(self, child, number=signal.SIGTERM, seconds=30):
        if child in self.children:
            self.children.remove(child)
        if child.poll() is None:
            child.send_signal(number)
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return child.returncode

    def run(self, *args, seconds=600, fails=False):
        """The JSON that a program prints last."""
        child = self.start(args, log=self.dir / 'run.log', stdout=subprocess.PIPE)
        try:
            out = child.communicate(timeout=seconds)[0].decode()
        finally:
            self.stop(child)
        if child.returncode != 0 and not fails:
            raise Trouble(f'{args[0]} ended with {child.returncode}: {self.tail("run.log")}')
        return json.loads(out.strip().splitlines()[-1])

    def tail(self, name):
        try:
            return ' | '.join((self.dir / name).read_text(errors='replace').splitlines()[-3:])
        except OSError:
            return ''

    def new_dir(self, name):
        self.count += 1
        return self.dir / f'{name}.{self.count}'

    def disk(self):
        """A folder on a disk: what needs no sync would be no fair ground."""
        return str(self.dir)

    def close(self):
        for child in reversed(self.children[:]):
            self.stop(child, seconds=5)
        shutil.rmtree(self.dir, ignore_errors=True)


class Sink:
    """Debian's nginx, answering as Dynamics does."""

    def __init__(self, lab):
        self.lab = lab
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        text = (HERE / 'sink.conf').read_text()
        # as long as Azure AD's
        values = {'DIR': lab.dir, 'PORT': self.port, 'TOKEN': 'eyJ0eXAiOiJKV1Qi' * 90}
        for name, value in values.items():
            text = text.replace(f'@{name}@', str(value))
        conf = lab.dir / 'sink.conf'
        conf.write_text(text)
        nginx = shutil.which('nginx', path=os.environ.get('PATH', '') + ':/usr/sbin')
        if not nginx:
            raise Trouble('nginx is missing; tools/install-deps --bench installs it')
        self.child = lab.start([nginx, '-p', lab.dir, '-e', lab.dir / 'nginx.log', '-c', conf], log=lab.dir / 'nginx.out')
        wait_until(f'nginx answers ({lab.tail("nginx.out")})', lambda: listens(self.port), 10)

    def requests(self):
        """How many it took so far (this question among them)."""
        with socket.create_connection(('127.0.0.1', self.port), 10) as one:
            one.sendall(b'GET /_status HTTP/1.0\r\n\r\n')
            text = b''
            while part := one.recv(4096):
                text += part
        return int(text.split(b'requests\n')[1].split()[2])


class Relay:
    """leadrelayd, with the configuration that all measurements share."""

    def __init__(self, lab, sink_url, state=None, destinations=1, concurrency=64, extra=''):
        self.lab = lab
        self.state = state or lab.new_dir('state')
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.log = lab.new_dir('log')
        self.config = lab.new_dir('yaml')
        self.child = None
        for name, text in (('marketplace.token', BEARER), ('crm.secret', 'rehearsal~secret.0')):
            path = lab.dir / name
            path.write_text(text + '\n')
            path.chmod(0o600)
        names = ['crm'] if destinations == 1 else [f'crm{i + 1}' for i in range(destinations)]
        blocks = ''.join(f'''  - name: {name}
    kind: dynamics365
    url: {sink_url}
    auth:
      method: azure_ad
      directory_id: 12345678-0000-0000-0000-000000000000
      client_id: 23456052-0000-0000-0000-000000000000
      client_secret_file: crm.secret
      authority: {sink_url}
    max_concurrency: {concurrency}
''' for name in names)
        self.config.write_text(f'''state_dir: {self.state}
intake:
  listen: ["127.0.0.1:{self.port}"]
  max_connections: 2000
  max_connections_per_address: 2000
  max_body: 1MiB
  max_memory: 256MiB
sources:
  - {{ name: marketplace, kind: marketplace, token_file: marketplace.token, destinations: [{', '.join(names)}] }}
{extra.replace('@NAMES@', ', '.join(names))}destinations:
{blocks}log: {{ level: info }}
''')
        self.config.chmod(0o600)

    def start(self, wrapper=()):
        """Seconds until it answered."""
        began = time.monotonic()
        self.child = self.lab.start([*wrapper, self.lab.program('leadrelayd'), '-c', self.config], log=self.log)
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() - began > 120:
                raise Trouble(f'leadrelayd does not start: {self.lab.tail(self.log.name)}')
            time.sleep(0.002)
        return time.monotonic() - began

    def answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.port), 5) as one:
                one.sendall(b'GET / HTTP/1.0\r\n\r\n')
                return one.recv(5) == b'HTTP/'
        except OSError:
            return False

    def stop(self):
        code = self.lab.stop(self.child, seconds=60)
        self.child = None
        if code != 0:
            raise Trouble(f'leadrelayd ended with {code}: {self.lab.tail(self.log.name)}')

    def remove(self):
        if self.child:
            self.stop()
        shutil.rmtree(self.state, ignore_errors=True)

    def status(self):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(60)
            one.connect(str(self.state / 'control.sock'))
            one.sendall(b'{"command":"status"}\n')
            text = b''
            while not text.endswith(b'\n'):
                part = one.recv(65536)
                if not part:
                    raise Trouble('leadrelayd does not say its status')
                text += part
        answer = json.loads(text)
        if 'done' not in answer:
            raise Trouble(f'leadrelayd does not say its status: {answer}')
        return answer['done']

    def waiting(self):
        return self.status()['accounting']['pending']

    def ctl(self, *args):
        done = subprocess.run([self.lab.program('leadctl'), '-c', self.config, *args], capture_output=True, text=True,
                              env=environment())
        if done.returncode != 0:
            raise Trouble(f'leadctl {" ".join(args)}: {done.stdout}{done.stderr}')

    def check(self):
        self.ctl('check')

    def park(self):
        for one in self.status()['destinations']:
            if one['state'] == 'open':
                self.ctl('destinations', 'park', one['name'], '--why', 'tools/bench accepts only')

    def resume(self):
        for one in self.status()['destinations']:
            if one['state'] == 'parked':
                self.ctl('destinations', 'resume', one['name'])
        wait_until('all are open', lambda: all(one['state'] == 'open' for one in self.status()['destinations']), 20)

    def memory(self):
        """MB resident now, and at most so far."""
        lines = pathlib.Path(f'/proc/{self.child.pid}/status').read_text().splitlines()
        value = {line.split(':')[0]: line.split()[1] for line in lines if line.startswith('Vm')}
        return int(value['VmRSS']) / 1024, int(value['VmHWM']) / 1024

    def cpu(self):
        """Seconds of processor it used so far."""
        with open(f'/proc/{self.child.pid}/stat') as file:
            return sum(map(int, file.read().rpartition(')')[2].split()[11:13])) / TICKS

    def wal_bytes(self):
        return (self.state / 'outbox.db-wal').stat().st_size


class Load:
    """wrk; every call posts leads that no other call posted."""

    def __init__(self, lab):
        self.lab = lab
        self.runs = 0
        self.path = shutil.which('wrk')
        if not self.path:
            raise Trouble('wrk is missing; tools/install-deps --bench installs it')

    def post(self, url, connections, seconds, lead=LEAD, threads=1):
        self.runs += 1
        result = self.lab.run(self.path, '-t', threads, '-c', connections, '-d', f'{seconds}s', '--timeout', '30s',
                              '-s', HERE / 'load.lua', url, '--', lead, BEARER, f'{self.runs:04d}', seconds=seconds + 60)
        if result['refused'] or result['broken']:
            raise Trouble(f'the load met refusals or broken connections: {result}')
        result['rate'] = result['requests'] / result['seconds']
        return result
