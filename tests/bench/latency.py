"""A destination that is 50 ms away (delay_proxy before the sink), as Dynamics is."""
import csv
import http.client
import json
import shutil
import statistics
import time

from figures import found
from lab import BEARER, LEAD, Relay, free_port, listens, wait_until

ROUND_TRIP_MS = 50
MARK = 'fresh-'


class Away:
    """The sink behind a long way; knows when each marked lead came by."""

    def __init__(self, bench):
        self.lab = bench.lab
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.log = bench.lab.new_dir('proxy')
        with open(self.log, 'wb') as out:
            self.child = bench.lab.start([bench.lab.program('delay_proxy'), '-p', self.port, '-t', bench.sink.port, '-d',
                                          ROUND_TRIP_MS // 2, '-m', MARK], log=bench.lab.dir / 'proxy.log', stdout=out)
        wait_until('delay_proxy answers', lambda: listens(self.port), 10)

    def came(self):
        """number: seconds"""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return {int(line[1]): float(line[0]) / 1e6 for line in lines if len(line) == 2}

    def close(self):
        self.lab.stop(self.child)


class Sender:
    """One client, one connection, a lead now and then."""

    def __init__(self, relay, lead):
        self.lead = lead.read_bytes().replace(b'############', MARK.encode() + b'############', 1)
        self.connection = http.client.HTTPConnection('127.0.0.1', relay.port, timeout=30)
        self.answered = {}

    def post(self, number):
        self.connection.request('POST', '/in/marketplace', self.lead.replace(b'############', b'%012d' % number),
                                {'Authorization': f'Bearer {BEARER}', 'Content-Type': 'application/json'})
        answer = self.connection.getresponse()
        at = time.monotonic()
        answer.read()
        if answer.status != 202:
            raise RuntimeError(f'leadrelayd answers {answer.status}')
        self.answered[number] = at


def waits(sender, away):
    """From the 202 at the client to the lead at the far end of the relay's own socket, milliseconds."""
    wait_until('all leads left', lambda: away.came().keys() >= sender.answered.keys(), 60, 0.1)
    came = away.came()
    return sorted(1000 * (came[number] - at) for number, at in sender.answered.items())


def quantile(values, q):
    return values[min(len(values) - 1, round((len(values) - 1) * q))]


def idle(bench, away):
    relay = Relay(bench.lab, away.url)
    try:
        relay.start()
        sender = Sender(relay, LEAD)
        sender.post(0) # for this one a token is fetched first, 50 ms away
        wait_until('the first lead left', away.came, 30)
        time.sleep(0.5)
        sender.answered.clear()
        for number in range(1, 1 + 30 * bench.seconds):
            sender.post(number)
            time.sleep(0.08) # until it is delivered, and the relay idle
        took = waits(sender, away)[:]
        relay.stop()
    finally:
        relay.remove()
    yield found('one lead on an idle relay leaves after its 202, half of them', 'ms', statistics.median(took), goal=2, least=2,
                lower=True, p99_ms=quantile(took, 0.99), count=len(took))
    yield found('- 99 of 100', 'ms', quantile(took, 0.99))


def adapting(bench, away):
    """How near to what the way allows the concurrency comes by itself: it begins small and grows."""
    concurrency = 64
    leads = 1000 * 20 * concurrency // ROUND_TRIP_MS // 2
    state = bench.fill(waiting=leads)
    before = bench.sink.requests()
    try:
        with bench.relay(True, state, sink_url=away.url, concurrency=concurrency) as relay:
            began = time.monotonic()
            wait_until('the sink has all leads', lambda: bench.sink.requests() - before >= leads, 300, 0.01)
            rate = leads / (time.monotonic() - began)
    finally:
        shutil.rmtree(state, ignore_errors=True)
    ideal = 1000 * concurrency / ROUND_TRIP_MS
    yield found(f'drain over {ROUND_TRIP_MS} ms, {concurrency} in flight at most', 'leads/s', rate, ideal, 'all in flight, always',
                rate / ideal)


def write_csv(path, rows):
    lead = json.loads(LEAD.read_text())
    person = lead['UserDetails']
    with open(path, 'w', newline='') as file:
        out = csv.writer(file)
        out.writerow(['First name', 'Last name', 'Email', 'Phone', 'Company', 'Title', 'Country', 'Description'])
        for i in range(rows):
            out.writerow([person['FirstName'], person['LastName'], f'import.{i:012d}@example.com', person['Phone'],
                          person['Company'], person['Title'], person['Country'], lead['Description']])


def beside_an_import(bench, away):
    path = bench.lab.new_dir('import').with_suffix('.csv')
    seconds = max(6, 3 * bench.seconds)
    write_csv(path, 6000 * seconds)
    relay = Relay(bench.lab, away.url, extra='  - { name: fair, kind: csv, destinations: [@NAMES@] }\n')
    try:
        relay.start()
        sender = Sender(relay, LEAD)
        importing = bench.lab.start([bench.lab.program('leadctl'), '-c', relay.config, 'import', path, '--source', 'fair'],
                                    log=bench.lab.dir / 'import.log')
        wait_until('the import is under way', lambda: relay.waiting() > 1000)
        number = 0
        until = time.monotonic() + seconds
        while time.monotonic() < until and importing.poll() is None:
            sender.post(number)
            number += 1
            time.sleep(0.02)
        backlog = relay.waiting()
        took = waits(sender, away)
        bench.lab.stop(importing, seconds=60)
        relay.stop()
    finally:
        relay.remove()
        path.unlink()
    yield found(f'fresh leads beside a CSV import ({backlog:,} waiting): 202 to sent, 99 of 100', 'ms', quantile(took, 0.99),
                goal=50 + ROUND_TRIP_MS, least=50 + ROUND_TRIP_MS, lower=True, p50_ms=statistics.median(took), count=len(took))


def away(bench):
    """a destination 50 ms away: an idle relay, a backlog, fresh leads beside an import"""
    for scenario in (idle, adapting, beside_an_import):
        place = Away(bench)
        try:
            yield from scenario(bench, place)
        finally:
            place.close()


LATENCY = {'away': away}
