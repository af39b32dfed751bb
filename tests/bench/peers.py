"""The rivals: a relay as one writes it around BullMQ on Redis, or pg-boss on PostgreSQL. Same lead, same load, same sink, and
as durable: Redis syncs its file before it answers, PostgreSQL its WAL before it commits."""
import contextlib
import os
import shutil
import subprocess
import time

from figures import compared
from lab import BEARER, HERE, Trouble, free_port, listens, wait_until

NOBODY = 65534


def unpacked(path):
    found = HERE.parent.parent / 'build' / 'peers' / 'usr' / path
    if not found.exists():
        raise Trouble(f'{found} is missing; tools/install-deps --peers unpacks it')
    return found


@contextlib.contextmanager
def redis(bench):
    lab, port = bench.lab, free_port()
    folder = lab.new_dir('redis')
    folder.mkdir()
    # redis-check-rdb is the server, by the name it is called with
    child = lab.start(['redis-server', '--port', port, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes',
                       '--appendfsync', 'always', '--save', ''], log=lab.dir / 'redis.log', executable=unpacked('bin/redis-check-rdb'))
    try:
        wait_until('Redis answers', lambda: listens(port))
        yield port
    finally:
        lab.stop(child)
        shutil.rmtree(folder, ignore_errors=True)


def as_nobody(*args):
    """PostgreSQL refuses to be root."""
    if os.getuid() != 0:
        return list(args)
    return ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', *args]


@contextlib.contextmanager
def postgresql(bench):
    lab, port = bench.lab, free_port()
    folder = lab.new_dir('postgresql')
    folder.mkdir()
    for part in ('lib', 'share'): # where nobody may read it
        shutil.copytree(unpacked(f'{part}/postgresql'), folder / part / 'postgresql')
    programs = next(folder.glob('lib/postgresql/*/bin'))
    if os.getuid() == 0:
        os.chmod(lab.dir, 0o711) # its files are all 0600, or no secrets
        os.chown(folder, NOBODY, NOBODY)
    made = subprocess.run(as_nobody(programs / 'initdb', '-D', folder / 'data', '-U', 'bench', '-A', 'trust', '--no-instructions'),
                          capture_output=True, text=True, cwd='/')
    if made.returncode != 0:
        raise Trouble(f'initdb: {made.stderr}')
    child = lab.start(as_nobody(programs / 'postgres', '-D', folder / 'data', '-p', port, '-h', '127.0.0.1', '-k', folder,
                                '-c', 'shared_buffers=256MB', '-c', 'fsync=on', '-c', 'synchronous_commit=on'),
                      log=lab.dir / 'postgresql.log', cwd='/')
    try:
        wait_until('PostgreSQL is ready', lambda: 'ready to accept connections' in lab.tail('postgresql.log'))
        yield port
    finally:
        lab.stop(child, number=2) # SIGINT: fast
        shutil.rmtree(folder, ignore_errors=True)
        (lab.dir / 'postgresql.log').unlink()


def end_to_end(bench, queue, program):
    """Leads a second from the load's begin until the sink has had them all."""
    lab = bench.lab
    bench.catch_request()
    with queue(bench) as port:
        intake = free_port()
        log = lab.dir / f'{program}.log'
        script = HERE / 'peers' / f'{program}.mjs'
        take = lab.start(['node', script, 'take', port, intake, BEARER], log=log)
        deliver = None
        try:
            wait_until(f'{program} takes leads', lambda: listens(intake))
            deliver = lab.start(['node', script, 'deliver', port, bench.sink.url, bench.request], log=log)
            bench.load.post(f'http://127.0.0.1:{intake}', 8, 1) # until V8 has compiled it
            wait_until('it is idle', lambda: still(bench), 60, 0)
            before = bench.sink.requests()
            began = time.monotonic()
            result = bench.load.post(f'http://127.0.0.1:{intake}', 64, bench.seconds)
            wait_until(f'{program} has delivered all ({lab.tail(log.name)})',
                       lambda: bench.sink.requests() - before >= result['requests'], 300, 0.02)
            return result['requests'] / (time.monotonic() - began)
        finally:
            for child in (take, deliver):
                if child:
                    lab.stop(child, seconds=5)


def still(bench):
    """The sink hears nothing but our own question."""
    before = bench.sink.requests()
    time.sleep(0.3)
    return bench.sink.requests() - before == 1


def bullmq(bench):
    """accepting and delivering, 64 connections / BullMQ on Redis"""
    pairs = bench.pairs_of(lambda: bench.together(64)['rate'], lambda: end_to_end(bench, redis, 'bullmq'))
    yield compared('end to end, 64 connections', 'leads/s', pairs, 'BullMQ on Redis, each write synced', 5, 4)


def pgboss(bench):
    """accepting and delivering, 64 connections / pg-boss on PostgreSQL"""
    pairs = bench.pairs_of(lambda: bench.together(64)['rate'], lambda: end_to_end(bench, postgresql, 'pgboss'))
    yield compared('end to end, 64 connections', 'leads/s', pairs, 'pg-boss on PostgreSQL', 12, 8)


PEERS = {'bullmq': bullmq, 'pgboss': pgboss}
