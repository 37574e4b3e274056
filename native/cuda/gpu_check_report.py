#!/usr/bin/env python3
"""Puts what gpu-check has left in a folder together: gpu-check.json, and a table on standard output. Exit status 1 if a test failed.

Peers are held against the benchmark's rows of the same work: PEFT's mixes against the rates of the mixes on all seven projections, llama.cpp's server against the base
model's decode step.
"""
import datetime
import json
import pathlib
import sys
import xml.etree.ElementTree as xml


def suite(path):
    """Counts and failures of one of xunit's reports."""
    tests = list(xml.parse(path).getroot().iter('test'))
    results = [test.get('result') for test in tests]
    return {
        'passed': results.count('Pass'),
        'failed': results.count('Fail'),
        'skipped': results.count('Skip'),
        'failures': [{'test': test.get('name'), 'message': (test.findtext('.//message') or '').strip()[:500]} for test in tests if test.get('result') == 'Fail'],
    }


def read(folder, name):
    """A JSON file of the folder, or None where it is not there or not whole."""
    try:
        return json.loads((folder / name).read_text())
    except (FileNotFoundError, ValueError):
        return None


def row_of(key, measure, ours, theirs, least):
    """How many times as fast the benchmark was, as one of its rows."""
    figure = ours / theirs
    return {'key': key, 'measure': measure, 'figure': figure, 'unit': 'x', 'bar': f'>= {least}', 'limit': f'{ours:.1f} / {theirs:.1f} tokens/s', 'passed': figure >= least}


def peers(benchmark, peft, llama):
    """Rows for the peers that were at hand, measured at the same shape."""
    rates = {row['key']: row['figure'] for row in benchmark['rows']}
    rows = []
    if peft and peft['shape'] == benchmark['shape']:
        for mix, theirs in peft['tokensPerSecond'].items():
            rows.append(row_of(f'peers.peft.{mix}', f"{mix} mix beside PEFT ({peft['implementation']})", rates[f'mixes.all.{mix}.rate'], theirs, 10))
    if llama:
        measure = f"{llama['streams']} streams of the base model beside llama.cpp ({llama['model']})"
        rows.append(row_of('peers.llama', measure, rates['decode.base.rate'], llama['tokensPerSecond'], 1))
    return rows


def line_of(row):
    """A row as a line of text."""
    verdict = {True: 'pass', False: 'FAIL', None: '-'}[row['passed']]
    return f"{row['measure']:72} {row['figure']:>10.4g} {row['unit']:9} {row['bar'] or '-':9} {verdict:5} {row['limit']}"


def main():
    folder, digest = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text().strip()
    gpu = (folder / 'gpu.txt').read_text().strip().splitlines()
    report = {'date': datetime.date.today().isoformat(), 'gpu': gpu[0] if gpu else 'none', 'ptx.cuh': digest, 'suites': {}}
    for path in sorted(folder.glob('*.xml')):
        report['suites'][path.stem] = suite(path)
    if (folder / 'sanitizer.log').exists():
        report['sanitizer'] = (folder / 'sanitizer.log').read_text().strip().splitlines()[-1]
    if benchmark := read(folder, 'benchmark.json'):
        benchmark['rows'] += peers(benchmark, read(folder, 'peft.json'), read(folder, 'llama.json'))
        report['benchmark'] = benchmark
    (folder / 'gpu-check.json').write_text(json.dumps(report, indent=2) + '\n')

    print(f"\n{report['date']}  {report['gpu']}  ptx.cuh {digest[:12]}")
    for name, result in report['suites'].items():
        print(f"{name:12} {result['passed']} passed, {result['failed']} failed, {result['skipped']} skipped")
        for failure in result['failures'][:20]:
            print(f"    {failure['test']}: {failure['message'].splitlines()[0] if failure['message'] else ''}")
    if 'sanitizer' in report:
        print(f"sanitizer    {report['sanitizer']}")
    for row in report.get('benchmark', {}).get('rows', []):
        print(line_of(row))
    return 1 if not report['suites'] or any(result['failed'] or not result['passed'] for result in report['suites'].values()) else 0


if __name__ == '__main__':
    sys.exit(main())
