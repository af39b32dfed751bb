"""Where the relay's processor time goes: a table of functions per situation, by perf."""
import re
import shutil
import subprocess
import time

from lab import Trouble, environment


def situations(bench):
    """name: how to bring it about; each yields when the daemon is to be looked at, and returns the leads done meanwhile."""

    def drain(relay, seconds):
        before = relay.waiting()
        time.sleep(seconds)
        return before - relay.waiting()

    def load(connections):
        return lambda relay, seconds: bench.load.post(relay.url, connections, seconds)['requests']

    return {'drain': (True, 20000 * 8, drain), 'accept': (False, 0, load(64)), 'together': (True, 0, load(64)),
            'single': (False, 0, load(1))}


def record(bench, name, seconds):
    delivering, waiting, act = situations(bench)[name]
    state = bench.fill(waiting=waiting) if waiting else None
    data = bench.lab.dir / f'perf.{name}'
    with bench.relay(delivering, state) as relay:
        perf = bench.lab.start(['perf', 'record', '-q', '-F', '999', '--call-graph', 'dwarf,8192', '-o', data, '-p', relay.child.pid],
                               log=bench.lab.dir / 'perf.log')
        time.sleep(0.3)
        began, before = time.monotonic(), relay.cpu()
        leads = act(relay, seconds)
        took, used = time.monotonic() - began, relay.cpu() - before
        bench.lab.stop(perf, number=2)
    if state:
        shutil.rmtree(state, ignore_errors=True)
    return data, leads, took, used


TABLES = (
    ('by library, itself', ['--no-children', '--sort', 'dso'], 12),
    ('functions, by themselves', ['--no-children', '--sort', 'dso,symbol'], 30),
    ('functions, with what they call', ['--children', '--sort', 'dso,symbol'], 80),
)


def report(bench, name, seconds=3):
    """The lines of one table."""
    if not shutil.which('perf'):
        raise Trouble('perf is missing; tools/install-deps --bench installs it')
    data, leads, took, used = record(bench, name, seconds)
    lines = [f'{name}: {leads / took:,.0f} leads/s while looked at, {1e6 * used / max(1, leads):.0f} us of processor a lead', '']
    for title, options, most in TABLES:
        out = subprocess.run(['perf', 'report', '--stdio', '-q', '-g', 'none', '--percent-limit', '0.4', '-i', data, *options],
                             capture_output=True, text=True, env=environment()).stdout
        rows = [re.sub(r'[\s-]+$', '', line) for line in out.splitlines() if re.match(r'\s+\d', line) and ' 0x' not in line]
        lines += [f'  {title}:', *rows[:most], '']
    data.unlink(missing_ok=True)
    return lines
