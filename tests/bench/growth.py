"""How the figures change with what is kept, what waits, how many destinations there are, and how large a lead is."""
import json
import shutil
import statistics
import time

from lab import LEAD, Watch

REPEATS = 3


def lead_of(bench, size):
    """A lead's file of about that many bytes: the description makes the difference."""
    lead = json.loads(LEAD.read_text())
    if size < LEAD.stat().st_size:
        lead['UserDetails'] = {'FirstName': 'Jane', 'LastName': 'Doe', 'Email': '############@a.example', 'Company': 'Fabrikam'}
        lead['OfferTitle'] = 'Contoso Backup'
        lead['Description'] = ''
    missing = size - len(json.dumps(lead, separators=(',', ':')))
    lead['Description'] += ' and so on' * max(0, missing // 10)
    if not lead['Description']:
        del lead['Description']
    path = bench.lab.dir / f'lead.{size}'
    path.write_text(json.dumps(lead, separators=(',', ':')))
    return path


def once(bench, relay, lead):
    """Accepted and delivered a second, as long as the load lasts."""
    before, began = relay.status()['accounting'], time.monotonic()
    result = bench.load.post(relay.url, 64, bench.seconds, lead)
    after, took = relay.status()['accounting'], time.monotonic() - began
    return result['rate'], (after['delivered'] - before['delivered']) / took, result['p99_ms']


def condition(bench, title, state=None, destinations=1, lead=LEAD):
    """One row: the median of some runs, first with a sink that takes nothing, then with one that takes all."""
    row = {'title': title}
    made = state is None
    state = state or bench.lab.new_dir('state')
    for delivering in (False, True):
        with bench.relay(delivering, state, destinations=destinations) as relay:
            runs = [once(bench, relay, lead) for _ in range(REPEATS)]
            rates = [statistics.median(column) for column in zip(*runs)]
            wal = relay.wal_bytes() / 1e6
            if delivering:
                row.update(both=rates[0], delivered=rates[1], p99_ms=rates[2], memory=relay.memory()[1], wal=wal)
            else:
                row.update(accepted=rates[0], backlog=relay.waiting(), accept_memory=relay.memory()[1], accept_wal=wal)
    if made:
        shutil.rmtree(state, ignore_errors=True)
    return row


def filled(bench, title, retained, waiting=0):
    state = bench.fill(retained, waiting)
    try:
        return condition(bench, title, state)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def rows(bench):
    yield condition(bench, 'an empty outbox')
    yield filled(bench, '100,000 retained', 100_000)
    yield filled(bench, '1,000,000 retained', 1_000_000)
    yield filled(bench, '1,000,000 waiting', 0, 1_000_000)
    yield condition(bench, f'{bench.big[0]:,} retained, {bench.big[1]:,} waiting', bench.big_store())
    for count in (4, 16):
        yield condition(bench, f'{count} destinations, each lead to all', destinations=count)
    for size, text in ((200, '0.2 KB'), (1000, '1 KB'), (16000, '16 KB'), (200_000, '200 KB')):
        yield condition(bench, f'leads of {text}', lead=lead_of(bench, size))


def measure(bench):
    bench.say('measuring: growth')
    made = iter(rows(bench))
    while True:
        with Watch() as watch:
            one = next(made, None)
        if one is None:
            return
        yield {**one, 'figure': one['title'], 'others': watch.share(), 'steal': watch.stolen(), 'seconds': watch.elapsed}


HEADING = ['condition', 'accepted/s, no drain', 'accepted/s', 'and delivered/s', 'p99 ms', 'MB resident', 'MB of WAL']


def cells(row):
    return [row['title'], f"{row['accepted']:,.0f}", f"{row['both']:,.0f}", f"{row['delivered']:,.0f}", f"{row['p99_ms']:.0f}",
            f"{row['memory']:.0f}", f"{row['wal']:.0f}"]
