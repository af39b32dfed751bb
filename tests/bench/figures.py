"""The figures that leadrelay is held to, each beside its yardstick in the same run.

A figure is measured in pairs (ours, yardstick, ours, yardstick ...), so that what else the machine does meets both alike; its
ratio is the median of the pairs' ratios.
"""
import contextlib
import http.server
import json
import pathlib
import shutil
import socket
import statistics
import threading
import time

from lab import BEARER, LEAD, Load, Relay, Sink, Trouble, Watch, free_port, listens, wait_until

median = statistics.median


class Bench:
    """The lab with its sink and load, and how long to measure."""

    def __init__(self, lab, pairs, seconds, leads, big, store, say):
        self.lab, self.pairs, self.seconds, self.leads, self.big, self.say = lab, pairs, seconds, leads, big, say
        self.store = pathlib.Path(store).resolve() if store else None
        self.sink, self.load = Sink(lab), Load(lab)
        self.request = self.lab.dir / 'request.bin'
        self.made = {}

    # ---- ours ----

    @contextlib.contextmanager
    def relay(self, delivering, state=None, sink_url=None, **options):
        """One that delivers; or one whose destinations the operator has parked: what it accepts stays in the backlog."""
        relay = Relay(self.lab, sink_url or self.sink.url, state, **options)
        try:
            relay.start()
            relay.resume() if delivering else relay.park()
            yield relay
            relay.stop()
        finally:
            relay.remove() if state is None else relay.child and relay.stop()

    def fill(self, retained=0, waiting=0, destinations=1, lead=LEAD, state=None):
        state = state or self.lab.new_dir('state')
        need = (retained + waiting) * (2.2 * lead.stat().st_size + 2600)
        if need > 0.9 * shutil.disk_usage(state.parent).free:
            raise Trouble(f'{state.parent}: an outbox of {retained + waiting:,} leads takes {need / 1e9:.0f} GB and there is no '
                          'room for it; TMPDIR names another place')
        self.lab.run(self.lab.program('fill'), '-l', lead, '-d', state, '-r', retained, '-w', waiting, '-D', destinations,
                     seconds=3600)
        return state

    def big_store(self):
        """Millions of leads, made once a run, or once and for all where the user said."""
        if 'big' in self.made:
            return self.made['big']
        state = self.store or self.lab.new_dir('state')
        if not (state / 'complete').exists():
            if state.exists():
                raise Trouble(f'{state} is there and was not made by tools/bench; --store names a new folder')
            self.say(f'making an outbox of {self.big[0]:,} delivered and {self.big[1]:,} waiting leads')
            try:
                self.fill(*self.big, state=state)
                (state / 'complete').touch()
            except BaseException:
                shutil.rmtree(state, ignore_errors=True)
                raise
        self.made['big'] = state
        return state

    def drain(self, leads, destinations=1, concurrency=64, lead=LEAD, check=False):
        """Leads a second, from the relay's first answer to the last outcome on disk."""
        state = self.fill(waiting=leads, destinations=destinations, lead=lead)
        before = self.sink.requests()
        try:
            with self.relay(True, state, destinations=destinations, concurrency=concurrency) as relay:
                began = time.monotonic()
                wait_until('the sink has all leads', lambda: self.sink.requests() - before >= leads, 300, 0.01)
                wait_until('all outcomes are stored', lambda: relay.waiting() == 0, 60, 0.005)
                took = time.monotonic() - began
                if check:
                    relay.check()
        finally:
            shutil.rmtree(state, ignore_errors=True)
        return leads / took

    def post_one(self, relay, number, lead=LEAD):
        body = lead.read_bytes().replace(b'############', b'%012d' % number)
        with socket.create_connection(('127.0.0.1', relay.port), 10) as one:
            one.sendall(b'POST /in/marketplace HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nAuthorization: Bearer '
                        + BEARER.encode() + b'\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
            answer = one.recv(4096)
        if not answer.startswith(b'HTTP/1.1 202'):
            raise Trouble(f'leadrelayd does not take a lead: {answer[:200]!r}')

    def acked(self, connections, lead=LEAD):
        with self.relay(False) as relay:
            return self.load.post(relay.url, connections, self.seconds, lead)

    def together(self, connections, check=False, lead=LEAD):
        """Accepting and delivering: rate counts until the backlog is empty; tail: seconds from the load's end to that."""
        with self.relay(True) as relay:
            began = time.monotonic()
            result = self.load.post(relay.url, connections, self.seconds, lead)
            ended = time.monotonic()
            wait_until('the backlog is empty', lambda: relay.waiting() == 0, 300, 0.005)
            now = time.monotonic()
            if check:
                relay.check()
        result['tail'] = now - ended
        result['rate'] = result['requests'] / (now - began)
        return result

    # ---- the yardsticks ----

    def catch_request(self):
        """One real request of the relay's to the CRM, byte by byte."""
        if self.request.exists():
            return
        caught = []

        class Crm(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                text = b''
                if self.path.endswith('/leads'):
                    head = f'{self.requestline}\r\n' + ''.join(f'{name}: {value}\r\n' for name, value in self.headers.items())
                    caught.append(head.encode() + b'\r\n' + body)
                    self.send_response(204)
                else:
                    text = json.dumps({'token_type': 'Bearer', 'expires_in': 3599, 'access_token': 'eyJ0eXAiOiJKV1Qi' * 90}).encode()
                    self.send_response(200)
                    self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Crm)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        relay = Relay(self.lab, f'http://127.0.0.1:{server.server_port}')
        try:
            relay.start()
            self.post_one(relay, 1)
            wait_until('the lead is delivered', lambda: caught, 10)
            self.request.write_bytes(caught[0])
        finally:
            relay.remove()
            server.shutdown()
            server.server_close()

    def raw_curl(self, requests):
        self.catch_request()
        return self.lab.run(self.lab.program('raw_curl'), '-u', self.sink.url, '-r', self.request, '-c', 64, '-n', int(requests))['rate']

    def bare_sqlite(self, rows, leads):
        return self.lab.run(self.lab.program('bare_sqlite'), '-l', LEAD, '-b', rows, '-n', int(leads), '-d', self.lab.disk())

    def wal_of_one_lead(self):
        """Bytes that the WAL grows by when one lead is accepted alone."""
        if 'wal' not in self.made:
            with self.relay(False) as relay:
                for number in range(10):
                    self.post_one(relay, number)
                before = relay.wal_bytes()
                for number in range(10, 60):
                    self.post_one(relay, number)
                self.made['wal'] = max(4096, (relay.wal_bytes() - before) // 50)
        return self.made['wal']

    def syncs(self):
        return self.lab.run(self.lab.program('fdatasync_loop'), '-d', self.lab.disk(), '-b', self.wal_of_one_lead(), '-s',
                            self.seconds)['rate']

    def pairs_of(self, ours, theirs):
        """[(ours, theirs)]: each pair's order is the other way round than the last one's."""
        found = []
        for i in range(self.pairs):
            if i % 2 == 0:
                one = ours()
                found.append((one, theirs()))
            else:
                other = theirs()
                found.append((ours(), other))
        return found


# ---- what is found ----

def found(title, unit, ours, theirs=None, yardstick='', ratio=None, goal=None, least=None, lower=False, **more):
    value = ratio if ratio is not None else ours
    met = None if least is None else (value <= least if lower else value >= least)
    reached = None if goal is None else (value <= goal if lower else value >= goal)
    return {'title': title, 'unit': unit, 'ours': ours, 'yardstick': yardstick, 'theirs': theirs, 'ratio': ratio,
            'goal': goal, 'least': least, 'lower_is_better': lower, 'met': met, 'goal_met': reached, **more}


def compared(title, unit, pairs, yardstick, goal, least, **more):
    ratios = [one / other for one, other in pairs]
    return found(title, unit, median(one for one, _ in pairs), median(other for _, other in pairs), yardstick,
                 median(ratios), goal, least, pairs=pairs, ratios=ratios, **more)


# ---- the figures, in the order of the table ----

def drain(bench):
    """a backlog drained to the CRM / a raw curl loop"""
    last = iter([False] * (bench.pairs - 1) + [True])
    bench.raw_curl(1000)
    pairs = bench.pairs_of(lambda: bench.drain(bench.leads, check=next(last)), lambda: bench.raw_curl(bench.leads))
    yield compared('backlog drain to Dynamics', 'leads/s', pairs, 'raw curl loop, 64 in flight', 0.80, 0.60)


def acked(bench):
    """leads accepted, no drain / bare SQLite"""
    pairs = bench.pairs_of(lambda: bench.acked(64)['rate'], lambda: bench.bare_sqlite(32, bench.leads * 2)['rate'])
    yield compared('accepted, no drain, 64 connections', 'leads/s', pairs, 'bare SQLite, 32 a transaction', 0.75, 0.55)


def together(bench):
    """accepting and delivering at once, 64 and 256 connections / a raw curl loop; p99 of accepting"""
    bench.raw_curl(1000)
    for connections in (64, 256):
        results, late = [], []

        def ours():
            results.append(bench.together(connections, check=len(results) == bench.pairs - 1))
            return results[-1]['rate']

        pairs = bench.pairs_of(ours, lambda: bench.raw_curl(bench.leads))
        yield compared(f'accepted and delivered, {connections} connections', 'leads/s', pairs, 'raw curl loop, 64 in flight',
                       0.60, 0.45, p99_ms=[one['p99_ms'] for one in results])
        yield found(f'backlog empty after the load, {connections} connections', 's', max(one['tail'] for one in results),
                    goal=1.0, least=1.0, lower=True, all=[one['tail'] for one in results])
        if connections == 64:
            late = [(one['p99_ms'], bench.bare_sqlite(64, 12800)['median_ms']) for one in results]
            ratios = [one / other for one, other in late]
            yield found('p99 of accepting while draining, 64 connections', 'ms', median(one for one, _ in late),
                        median(other for _, other in late), 'median bare transaction of 64', median(ratios), 8, 14, True,
                        ratios=ratios)


def single(bench):
    """one client, one lead at a time / a loop of fdatasync"""
    bench.wal_of_one_lead()
    pairs = bench.pairs_of(lambda: bench.acked(1)['rate'], bench.syncs)
    yield compared('one client, one lead at a time', 'leads/s', pairs, f'fdatasync of {bench.made["wal"]:,} bytes', 0.50, 0.35,
                   wal_bytes=bench.made['wal'])


def server(bench):
    """leads accepted, no drain / our own server without a store"""
    def theirs():
        port = free_port()
        child = bench.lab.start([bench.lab.program('no_store'), '-p', port])
        try:
            wait_until('no_store answers', lambda: listens(port), 10)
            return bench.load.post(f'http://127.0.0.1:{port}', 64, bench.seconds)['rate']
        finally:
            bench.lab.stop(child)

    pairs = bench.pairs_of(lambda: bench.acked(64)['rate'], theirs)
    yield compared('accepted, no drain, 64 connections', 'leads/s', pairs, 'our server without a store', None, None)


def memory(bench):
    """resident memory with 1,000,000 leads waiting"""
    state = bench.big_store()
    with bench.relay(True, state) as relay:
        waiting = relay.waiting()
        resting = relay.memory()[0]
        result = bench.load.post(relay.url, 64, max(5, bench.seconds))
        now, most = relay.memory()
        delivered = waiting + result['requests'] - relay.waiting()
        used_up = relay.waiting() < 0.9 * bench.big[1]
    if used_up: # made anew when it is needed again
        shutil.rmtree(bench.made.pop('big'))
    yield found(f'resident memory, {waiting:,} leads waiting, draining and accepting: most', 'MB', most, goal=48, least=64,
                lower=True, resting=resting, now=now, accepted=result['requests'], delivered=delivered)


def retained(bench):
    """leads accepted with 5,000,000 retained / with none"""
    state = bench.big_store()
    with bench.relay(False, state) as full, bench.relay(False) as empty:
        for relay in (full, empty):
            bench.load.post(relay.url, 64, 1)
        pairs = bench.pairs_of(lambda: bench.load.post(full.url, 64, bench.seconds)['rate'],
                               lambda: bench.load.post(empty.url, 64, bench.seconds)['rate'])
    yield compared(f'accepted with {bench.big[0]:,} leads retained', 'leads/s', pairs, 'with an empty outbox', 0.90, 0.75)


def starts(bench):
    """20 fresh starts, 256 and 1,000 connections: slowest / median"""
    many = 20 if bench.pairs >= 5 and bench.seconds > 1 else 5
    for connections in (256, 1000):
        rates = []
        for _ in range(many):
            with bench.relay(True) as relay:
                rates.append(bench.load.post(relay.url, connections, max(2, bench.seconds // 2))['rate'])
        yield found(f'{many} fresh starts, {connections} connections: slowest', 'leads/s', min(rates), median(rates), 'median start',
                    min(rates) / median(rates), 0.5, 0.5, rates=rates)


def destinations(bench):
    """a drain to 16 destinations / to 1"""
    pairs = bench.pairs_of(lambda: bench.drain(bench.leads, 16, 4), lambda: bench.drain(bench.leads))
    yield compared('backlog drain to 16 destinations, 4 in flight each', 'leads/s', pairs, '1 destination, 64 in flight', 0.9, 0.7)


def start(bench):
    """start to ready with 6,000,000 leads, 1,000,000 waiting"""
    state = bench.big_store()
    times = []
    for _ in range(5):
        relay = Relay(bench.lab, bench.sink.url, state)
        times.append(relay.start())
        waiting = relay.waiting()
        relay.stop()
    yield found(f'start to ready, {sum(bench.big):,} leads, {waiting:,} of them waiting', 's', median(times), goal=0.3, least=1.0,
                lower=True, all=times)


FIGURES = {figure.__name__: figure for figure in (
    drain, acked, together, single, server, destinations, starts, start, retained, memory)}
QUICK = ('drain', 'acked', 'together', 'single')


def measure(bench, figures, names):
    for name in names:
        bench.say(f'measuring: {name}')
        watch = Watch()
        with watch:
            results = list(figures[name](bench))
        for one in results:
            one.update(figure=name, others=watch.share(), steal=watch.stolen(), seconds=watch.elapsed)
            yield one
