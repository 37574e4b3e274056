#!/usr/bin/env python3
"""Puts what gpu-check has left in a folder together: gpu-check.json, and a table on standard output, of a run that was cut off as of a whole one.

    gpu_check_report.py OUT PTX_SHA256_FILE      once more, of what a run that was killed has left

Exit status 1 if a test or a stage failed, 3 if something that was begun or wanted did not run to its end.
Peers are held against the benchmark's rows of the same work: PEFT's mixes against the rates of the mixes on all seven projections, llama.cpp's server against the base
model's decode step.
"""
import datetime
import json
import os
import pathlib
import sys

RESULTS = {'test-passed': 'passed', 'test-failed': 'failed', 'test-skipped': 'skipped'}
MESSAGE_CHARACTERS = 500


def write(path, value):
    """Writes JSON so that the file is whole at any time."""
    following = path.with_name(path.name + '.next')
    following.write_text(json.dumps(value, indent=2) + '\n')
    os.replace(following, path)


def read(path):
    """A JSON file, or None where it is not there or not whole."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def events(path):
    """What xunit's json reporter has printed, up to where it was cut off; other lines, as a test may print them, are left out."""
    for line in path.read_text(errors='replace').splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and '$type' in event:
            yield event


def suite(path):
    """Counts and failures of a suite, and the cases that did not come to an end: by number those that were not begun, by name those that ran when it was cut off."""
    counts, failures, running, cases, ended = dict.fromkeys(RESULTS.values(), 0), [], {}, 0, 0
    for event in events(path):
        kind = event['$type']
        if kind == 'discovery-complete':
            cases = event.get('TestCasesToRun', 0)
        elif kind == 'test-case-finished':
            ended += 1
        elif kind == 'test-starting':
            running[event.get('TestUniqueID')] = event.get('TestDisplayName', '?')
        elif kind in RESULTS:
            counts[RESULTS[kind]] += 1
            name = running.pop(event.get('TestUniqueID'), '?')
            if kind == 'test-failed':
                failures.append({'test': name, 'message': '\n'.join(filter(None, event.get('Messages') or [])).strip()[:MESSAGE_CHARACTERS]})
        elif kind == 'error-message':
            failures.append({'test': 'outside of tests', 'message': '\n'.join(filter(None, event.get('Messages') or [])).strip()[:MESSAGE_CHARACTERS]})
    return {**counts, 'failures': failures, 'cases': cases, 'casesNotEnded': max(0, cases - ended), 'running': sorted(running.values())}


def row_of(key, measure, ours, theirs, least, emulated):
    """How many times as fast the benchmark was, as one of its rows. Figures of the emulator pass nothing and fail nothing."""
    figure = ours / theirs
    passed = None if emulated else figure >= least
    return {'key': key, 'measure': measure, 'figure': figure, 'unit': 'x', 'bar': f'>= {least}', 'limit': f'{ours:.1f} / {theirs:.1f} tokens/s', 'passed': passed}


def peers(benchmark, peft, llama):
    """Rows for the peers that were at hand, measured at the same shape; and the names of those that the benchmark has no row beside."""
    rates = {row['key']: row['figure'] for row in benchmark['rows']}
    rows, alone = [], []

    def hold(key, measure, rate, theirs, least):
        if rate in rates and theirs > 0:
            rows.append(row_of(key, measure, rates[rate], theirs, least, benchmark['emulated']))
        else:
            alone.append({'key': key, 'reason': f'{theirs:.1f} tokens/s, and no {rate} beside it'})

    if peft and peft['shape'] == benchmark['shape']:
        for mix, theirs in peft['tokensPerSecond'].items():
            hold(f'peers.peft.{mix}', f"{mix} mix beside PEFT ({peft['implementation']})", f'mixes.all.{mix}.rate', theirs, 10)
    if llama and llama['shape'] == benchmark['shape']:
        hold('peers.llama', f"{llama['streams']} streams of the base model beside llama.cpp ({llama['model']})", 'decode.base.rate', llama['tokensPerSecond'], 1)
    return rows, alone


def line_of(row):
    """A row as a line of text."""
    verdict = {True: 'pass', False: 'FAIL', None: '-'}[row['passed']]
    return f"{row['measure']:72} {row['figure']:>10.4g} {row['unit']:9} {row['bar'] or '-':9} {verdict:5} {row['limit']}"


def collect(folder, digest):
    """All that there is, as one value."""
    gpu = (folder / 'gpu.txt').read_text().strip() if (folder / 'gpu.txt').exists() else 'none'
    report = {'date': datetime.date.today().isoformat(), 'gpu': gpu, 'ptx.cuh': digest, 'stages': read(folder / 'stages.json') or []}
    report['suites'] = {path.stem: suite(path) for path in sorted(folder.glob('*.jsonl'))}
    if benchmark := read(folder / 'benchmark.json'):
        rows, alone = peers(benchmark, read(folder / 'peft.json'), read(folder / 'llama.json'))
        benchmark['rows'] += rows
        benchmark['notRun'] += alone
        report['benchmark'] = benchmark
    return report


def cut_off(report):
    """In words, what was wanted and did not run to its end."""
    for stage in report['stages']:
        if stage['state'] == 'not begun':
            yield f"{stage['name']}: not begun, no time was left"
        elif stage['state'] not in ('ended',) and not stage['state'].startswith('not at hand'):
            yield f"{stage['name']}: {stage['state']} after {stage['seconds']} s"
    for name, result in report['suites'].items():
        if result['casesNotEnded']:
            running = f"; running: {', '.join(result['running'][:5])}" if result['running'] else ''
            yield f"{name}: {result['casesNotEnded']} of {result['cases']} test cases did not end{running}"
    for row in report.get('benchmark', {}).get('notRun', []):
        yield f"{row['key']}: {row['reason']}"


def failed(report):
    """In words, what failed."""
    for name, result in report['suites'].items():
        for failure in result['failures']:
            yield f"{failure['test']}: {failure['message'].splitlines()[0] if failure['message'] else ''}"
        if result['failed'] + result['passed'] == 0 and not result['casesNotEnded']:
            yield f'{name}: no test ran'
    for stage in report['stages']:
        if stage['state'] == 'ended' and stage['status'] and stage['name'] not in report['suites']:
            yield f"{stage['name']}: exit status {stage['status']}, see {stage['name']}.log"


def main(folder, digest_file):
    digest = digest_file.read_text().strip() if digest_file.exists() else 'unknown'
    report = collect(folder, digest)
    report['failed'], report['cutOff'] = list(failed(report)), list(cut_off(report))
    write(folder / 'gpu-check.json', report)

    print(f"\n{report['date']}  {report['gpu']}  ptx.cuh {digest[:12]}")
    for stage in report['stages']:
        print(f"{stage['name']:12} {stage['seconds']:7.1f} s  {stage['state']}")
    for name, result in report['suites'].items():
        print(f"{name:12} {result['passed']} passed, {result['failed']} failed, {result['skipped']} skipped")
    for setup in report.get('benchmark', {}).get('setUps', []):
        print(f"{setup['name']:12} {setup['seconds']:7.1f} s  set-up")
    for row in report.get('benchmark', {}).get('rows', []):
        print(line_of(row))
    for title in ('failed', 'cutOff'):
        for line in report[title]:
            print(f"{'FAILED' if title == 'failed' else 'NOT RUN'}  {line}")
    sys.stdout.flush()
    return 1 if report['failed'] else 3 if report['cutOff'] else 0


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
