#!/usr/bin/env python3
"""Puts what gpu-check has left in a folder together: gpu-check.json, and a table on standard output. Exit status 1 if a test failed."""
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


def main():
    folder, digest = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text().strip()
    gpu = (folder / 'gpu.txt').read_text().strip().splitlines()
    report = {'date': datetime.date.today().isoformat(), 'gpu': gpu[0] if gpu else 'none', 'ptx.cuh': digest, 'suites': {}}
    for path in sorted(folder.glob('*.xml')):
        report['suites'][path.stem] = suite(path)
    if (folder / 'sanitizer.log').exists():
        report['sanitizer'] = (folder / 'sanitizer.log').read_text().strip().splitlines()[-1]
    if (folder / 'benchmark.json').exists():
        report['benchmark'] = json.loads((folder / 'benchmark.json').read_text())
    (folder / 'gpu-check.json').write_text(json.dumps(report, indent=2) + '\n')

    print(f"\n{report['date']}  {report['gpu']}  ptx.cuh {digest[:12]}")
    for name, result in report['suites'].items():
        print(f"{name:12} {result['passed']} passed, {result['failed']} failed, {result['skipped']} skipped")
        for failure in result['failures'][:20]:
            print(f"    {failure['test']}: {failure['message'].splitlines()[0] if failure['message'] else ''}")
    if 'sanitizer' in report:
        print(f"sanitizer    {report['sanitizer']}")
    for row in report.get('benchmark', {}).get('rows', []):
        print(f"{row['measure']:60} {row['value']:>12.4g} {row['unit']:10} {row['limit']}")
    return 1 if not report['suites'] or any(result['failed'] or not result['passed'] for result in report['suites'].values()) else 0


if __name__ == '__main__':
    sys.exit(main())
