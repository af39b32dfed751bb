#!/usr/bin/env python3
"""The measuring half of tools/bench, which builds what this needs and explains the options."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time

import figures
import growth
import latency
import peers
import profile_relay
from lab import CORES, Lab, Trouble

OTHERS_MOST = 0.05  # of the machine
ALL = {**figures.FIGURES, **latency.LATENCY, **peers.PEERS}

HEADING = ['figure', 'ours', 'yardstick', 'ratio', 'goal', 'least', 'met']


def number(value, unit):
    if value is None:
        return ''
    digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f'{value:,.{digits}f} {unit}'


def row(one):
    shown = '' if one['ratio'] is None else f"{one['ratio']:.2f}"
    sign = '<= ' if one['lower_is_better'] else ''
    bounds = ['' if one[name] is None else f'{sign}{one[name]:g}' for name in ('goal', 'least')]
    met = '' if one['met'] is None else 'goal' if one['goal_met'] else 'least' if one['met'] else 'NO'
    theirs = '' if one['theirs'] is None else f"{number(one['theirs'], one['unit'])} ({one['yardstick']})"
    return [one['title'], number(one['ours'], one['unit']), theirs, shown, *bounds, met]


def table(rows):
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]
    lines.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join(lines)


def machine(folder):
    model = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')), '?')
    kind = subprocess.run(['stat', '-f', '-c', '%T', folder], capture_output=True, text=True).stdout.strip()
    return {'cpu': model, 'cores': CORES, 'kernel': platform.release(), 'file_system': kind, 'folder': str(folder),
            'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds')}


def options():
    parser = argparse.ArgumentParser(prog='tools/bench', add_help=False)
    parser.add_argument('--build', required=True)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--peers', action='store_true')
    parser.add_argument('--growth', action='store_true')
    parser.add_argument('--only')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--store')
    parser.add_argument('--profile', nargs='?', const='drain,accept,together,single')
    parser.add_argument('--pairs', type=int)
    parser.add_argument('--seconds', type=int)
    parser.add_argument('--json')
    parser.add_argument('--even-if-busy', action='store_true')
    return parser.parse_args()


def chosen(args):
    names = args.only.split(',') if args.only else []
    for name in names:
        if name not in ALL:
            raise Trouble(f"there is no figure '{name}'; there are: {', '.join(ALL)}")
    if args.full:
        names += [*figures.FIGURES, *latency.LATENCY]
    elif args.quick or not (names or args.peers):
        names += figures.QUICK
    return list(dict.fromkeys(names + list(peers.PEERS if args.peers else ())))


def judge(results):
    """Why the figures are worth nothing; or None."""
    bad = sorted({(one['figure'], one['others'], one['steal']) for one in results if one['others'] + one['steal'] > OTHERS_MOST})
    if not bad:
        return None
    words = '; '.join(f'{name}: {100 * others:.0f} % by other programs, {100 * steal:.0f} % taken by the hypervisor'
                      for name, others, steal in bad)
    return f'the machine was busy ({words}; {100 * OTHERS_MOST:.0f} % are let pass)'


def run(args, lab):
    kind = machine(lab.dir)
    if kind['file_system'] in ('tmpfs', 'ramfs'):
        raise Trouble(f'{lab.dir} is in memory, where a sync costs nothing; TMPDIR names a folder on a disk')
    full = args.full
    bench = figures.Bench(lab, args.pairs or 5, args.seconds or (5 if full else 2), 60000 if full else 20000,
                          (5_000_000, 1_000_000), args.store, lambda text: print(text, file=sys.stderr, flush=True))
    if args.profile:
        for name in args.profile.split(','):
            print('\n'.join(profile_relay.report(bench, name)), flush=True)
        return 0
    if args.growth:
        names = chosen(args) if args.only or args.full or args.peers else []
    else:
        names = chosen(args)
    results, rows = [], []
    try:
        for one in figures.measure(bench, ALL, names):
            print('  ' + '  '.join(cell for cell in row(one) if cell), file=sys.stderr, flush=True)
            results.append(one)
        if args.growth or args.full:
            for one in growth.measure(bench):
                print('  ' + '  '.join(growth.cells(one)), file=sys.stderr, flush=True)
                rows.append(one)
    finally:
        kind['busy'] = judge(results + rows)
        if args.json and results + rows:
            pathlib.Path(args.json).write_text(json.dumps({'machine': kind, 'figures': results, 'growth': rows}, indent=1) + '\n')
    if kind['busy'] and not args.even_if_busy:
        print(f"tools/bench: no report: {kind['busy']}. Try again when it is idle, or with --even-if-busy", file=sys.stderr)
        return 1
    print(f"\n{kind['cpu']}, {kind['cores']} cores, Linux {kind['kernel']}, {kind['file_system']}, {kind['date'][:10]}")
    if kind['busy']:
        print(f"NOT A FAIR MEASUREMENT: {kind['busy']}")
    if results:
        print('\n' + table([HEADING] + [row(one) for one in results]))
    if rows:
        print('\n' + table([growth.HEADING] + [growth.cells(one) for one in rows]))
    return 0


def main():
    args = options()
    if args.list:
        print('\n'.join(f'{name:14}{figure.__doc__}' for name, figure in ALL.items()))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    lab = Lab(args.build, os.environ.get('TMPDIR', '/var/tmp'))
    try:
        code = run(args, lab)
    except Trouble as trouble:
        print(f'tools/bench: {trouble}', file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    finally:
        lab.close()
    print(f'{time.monotonic() - began:.0f} s', file=sys.stderr)
    return code


sys.exit(main())
