"""Tests of gpu-check and of what is computed around it: no GPU, and no .NET.

    python3 -m unittest discover -s tests/Serving.Benchmarks.Tests/GpuCheck -p '*_test.py'
"""
import hashlib
import io
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from unittest import mock

SOURCES = pathlib.Path(__file__).resolve().parents[3] / 'native' / 'cuda'
sys.path.insert(0, str(SOURCES))

import fatbin  # noqa: E402
import gpu_check  # noqa: E402
import gpu_check_report  # noqa: E402
import llama_baseline  # noqa: E402
import peft_baseline  # noqa: E402
import random_gguf  # noqa: E402

PATIENCE_SECONDS = 60

# Takes the place of the packed runtime: what xunit and the benchmark print and write, and then, for one of them, nothing more for ever.
RUNTIME = r'''#!/usr/bin/env bash
event() { printf '{"$type":"%s"%s}\n' "$1" "${2:-}"; }
case "$*" in
    *Serving.Benchmarks*)
        for ((i = 1; i <= $#; i++)); do [ "${!i}" = --json ] && next=$((i + 1)) && file=${!next}; done
        echo '{"device":"d","shape":"tiny","emulated":true,"setUps":[{"name":"decode","seconds":1.5}],"absent":[],
            "rows":[{"key":"decode.base","measure":"step","figure":2,"unit":"x","bar":null,"limit":"none","passed":null,"seconds":1}],
            "notRun":[{"key":"traffic.ratio","reason":"not reached"}]}' > "$file" ;;
    *"-class *PtxTableTests "*)
        event discovery-complete ',"TestCasesToRun":1'
        echo 'what a test prints'
        event test-starting ',"TestUniqueID":"1","TestDisplayName":"Ptx"'
        event test-passed ',"TestUniqueID":"1"'
        event test-case-finished ;;
    *)
        event discovery-complete ',"TestCasesToRun":3'
        event test-starting ',"TestUniqueID":"1","TestDisplayName":"First"'
        event test-passed ',"TestUniqueID":"1"'
        event test-case-finished
        event test-starting ',"TestUniqueID":"2","TestDisplayName":"Hangs"'
        [ -z "${HANGS:-}" ] || { sleep 3600 & echo $! >> "$HANGS"; wait; }
        event test-failed ',"TestUniqueID":"2","Messages":["went wrong\nhere"]'
        event test-case-finished ;;
esac
'''


def stage_of(folder, script, limit, share=100):
    """A stage that has run a shell script within a limit."""
    stage = gpu_check.Stage('name', share, lambda _: ['bash', '-c', script], folder)
    run = gpu_check.Run(folder, limit, dict(os.environ), gpu_check.Signals())
    run.stages.append(stage)
    with contextlib.redirect_stdout(io.StringIO()):
        run.run([stage])
    return stage, json.loads((folder / 'stages.json').read_text())


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))


class StageTest(Folder):
    def test_a_stage_that_ends_has_its_status_and_what_it_printed(self):
        stage, file = stage_of(self.folder, 'echo out; echo err >&2; exit 3', 0)
        self.assertEqual(('ended', 3, None), (stage.state, stage.status, stage.limit))
        self.assertEqual(['err', 'out'], sorted((self.folder / 'name.log').read_text().split()))
        self.assertEqual('ended', file[0]['state'])

    def test_a_stage_that_has_had_its_share_is_ended_with_all_that_it_started(self):
        # Its share is two seconds of thirty; it ignores the signal that asks.
        stage, file = stage_of(self.folder, f"trap '' TERM; sleep 3600 & echo $! > {self.folder}/child; wait; sleep 3600", 30, 5)
        self.assertEqual('cut off', stage.state)
        self.assertEqual('cut off', file[0]['state'])
        child = int((self.folder / 'child').read_text())
        self.assertTrue(ends(child))

    def test_a_stage_for_which_no_time_is_left_is_not_begun(self):
        stage, file = stage_of(self.folder, f'touch {self.folder}/ran', gpu_check.REPORT_SECONDS + gpu_check.END_SECONDS)
        self.assertEqual('not begun', stage.state)
        self.assertEqual('not begun', file[0]['state'])
        self.assertFalse((self.folder / 'ran').exists())


    def test_a_signal_while_a_stage_starts_ends_it_once_it_is_known(self):
        def popen(*arguments, **options):
            process = start(*arguments, **options)
            started.append(process)
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            return process

        start, started = subprocess.Popen, []
        stage = gpu_check.Stage('name', 100, lambda _: ['sleep', '3600'], self.folder)
        run = gpu_check.Run(self.folder, 0, dict(os.environ), gpu_check.Signals())
        run.stages.append(stage)
        with mock.patch.object(subprocess, 'Popen', popen), contextlib.redirect_stdout(io.StringIO()), self.assertRaises(gpu_check.Ended):
            run.run([stage])
        self.assertIsNone(started[0].poll())
        run.end()
        self.assertEqual(('ended by a signal', -signal.SIGTERM), (stage.state, stage.status))


def ends(process):
    """Whether a process goes away, or waits to be buried: one that was killed may take a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if pathlib.Path(f'/proc/{process}/stat').read_text().rsplit(')', 1)[1].split()[0] == 'Z':
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


class CommandTest(Folder):
    """The whole of it, in a copy of the tree with an archive of its own."""

    def setUp(self):
        super().setUp()
        sources = self.folder / 'native' / 'cuda'
        sources.mkdir(parents=True)
        for name in ('gpu-check', 'gpu_check.py', 'gpu_check_report.py'):
            shutil.copy(SOURCES / name, sources)
        artifacts = self.folder / 'artifacts'
        artifacts.mkdir()
        with tarfile.open(artifacts / 'gpu-check.tar.xz', 'w:xz') as archive:
            self.put(archive, 'gpu-check/dotnet/dotnet', RUNTIME, 0o755)
            self.put(archive, 'gpu-check/ptx.sha256', hashlib.sha256(b'').hexdigest() + '\n', 0o644)
        self.out, self.emulator = self.folder / 'out', self.folder / 'emulator.so'
        self.emulator.touch()

    @staticmethod
    def put(archive, name, text, mode):
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(text.encode()), mode
        archive.addfile(member, io.BytesIO(text.encode()))

    def start(self, *arguments, **variables):
        command = ['bash', str(self.folder / 'native' / 'cuda' / 'gpu-check'), str(self.out), '--emulator', str(self.emulator), *arguments]
        environment = dict(os.environ, PATH=f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}', **variables)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def report(self):
        return json.loads((self.out / 'gpu-check.json').read_text())

    def test_a_run_to_the_end_reports_failures_and_rows_that_did_not_run(self):
        process = self.start('--only', 'tests,benchmark')
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(1, process.returncode, printed)
        report = self.report()
        self.assertEqual({'passed': 1, 'failed': 0, 'skipped': 0, 'failures': [], 'cases': 1, 'casesNotEnded': 0, 'running': []}, report['suites']['ptx'])
        self.assertEqual([{'test': 'Hangs', 'message': 'went wrong\nhere'}], report['suites']['backend']['failures'])
        self.assertIn('NOT RUN  traffic.ratio: not reached', printed)
        self.assertIn('FAILED  Hangs: went wrong', printed)

    def test_rows_that_did_not_run_alone_have_a_status_of_their_own(self):
        process = self.start('--only', 'benchmark')
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(3, process.returncode, printed)
        self.assertEqual(['traffic.ratio: not reached'], self.report()['cutOff'])

    def test_a_signal_ends_everything_and_leaves_a_report(self):
        hangs = self.folder / 'hangs'
        process = self.start('--only', 'tests,benchmark', HANGS=str(hangs))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (hangs.exists() and len(hangs.read_text().split()) == 3):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(143, process.returncode, printed)
        self.assertEqual([], [child for child in hangs.read_text().split() if not ends(child)])
        report = self.report()
        self.assertEqual((1, 2, ['Hangs']), tuple(report['suites']['kernels'][key] for key in ('passed', 'casesNotEnded', 'running')))
        self.assertIn('kernels: 2 of 3 test cases did not end; running: Hangs', report['cutOff'])
        self.assertIn('NOT RUN  the run: ended by a signal', printed)

    def test_what_an_earlier_run_has_left_is_not_taken_for_this_ones(self):
        self.out.mkdir()
        (self.out / 'peft.json').write_text('{}')
        (self.out / 'references.jsonl').write_text('{"$type":"test-passed"}\n')
        process = self.start('--only', 'benchmark')
        process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual({}, self.report()['suites'])
        self.assertFalse((self.out / 'peft.json').exists())

    def test_the_archive_is_unpacked_once_and_again_when_it_is_another(self):
        runtime = self.folder / 'artifacts' / 'gpu-check' / 'dotnet' / 'dotnet'
        self.start('--only', 'benchmark').communicate(timeout=PATIENCE_SECONDS)
        (runtime.parent / 'kept').touch()
        self.start('--only', 'benchmark').communicate(timeout=PATIENCE_SECONDS)
        self.assertTrue((runtime.parent / 'kept').exists())
        with tarfile.open(self.folder / 'artifacts' / 'gpu-check.tar.xz', 'w:xz') as archive:
            self.put(archive, 'gpu-check/dotnet/dotnet', RUNTIME + '# another\n', 0o755)
        self.start('--only', 'benchmark').communicate(timeout=PATIENCE_SECONDS)
        self.assertFalse((runtime.parent / 'kept').exists())

    def test_a_stage_that_does_not_exist_is_refused(self):
        process = self.start('--only', 'tests,bench')
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(2, process.returncode)
        self.assertIn('there is no stage bench', printed)


class ReportTest(Folder):
    def test_a_log_that_ends_within_a_line_counts_up_to_there(self):
        path = self.folder / 'suite.jsonl'
        path.write_text('{"$type":"discovery-complete","TestCasesToRun":2}\n[1]\nnoise\n{"$type":"test-starting","TestUniqueID":"1","TestDisplayName":"A"}\n{"$type":"test-pas')
        self.assertEqual((0, 2, ['A']), tuple(gpu_check_report.suite(path)[key] for key in ('passed', 'casesNotEnded', 'running')))

    def test_peers_are_held_against_the_rows_of_the_same_work(self):
        benchmark = {'shape': '8b', 'emulated': False, 'rows': [{'key': 'mixes.all.distinct.rate', 'figure': 500.0}, {'key': 'decode.base.rate', 'figure': 300.0}]}
        peft = {'shape': '8b', 'implementation': 'peft', 'tokensPerSecond': {'distinct': 40.0, 'skewed': 50.0}}
        llama = {'shape': '8b', 'model': 'm', 'streams': 32, 'tokensPerSecond': 600.0}
        rows, alone = gpu_check_report.peers(benchmark, peft, llama)
        self.assertEqual([('peers.peft.distinct', 12.5, True), ('peers.llama', 0.5, False)], [(row['key'], row['figure'], row['passed']) for row in rows])
        self.assertEqual(['peers.peft.skewed'], [row['key'] for row in alone])
        rows, _ = gpu_check_report.peers(dict(benchmark, emulated=True), peft, llama)
        self.assertEqual([None, None], [row['passed'] for row in rows])
        self.assertEqual(([], []), gpu_check_report.peers(benchmark, dict(peft, shape='tiny'), dict(llama, shape='tiny')))

    def test_a_run_that_was_killed_can_be_reported_afterwards(self):
        (self.folder / 'stages.json').write_text(json.dumps([{'name': 'benchmark', 'state': 'running', 'seconds': 0.0, 'limit': 9, 'status': None}]))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(3, gpu_check_report.main(self.folder, self.folder / 'missing'))
        self.assertIn('NOT RUN  benchmark: running', printed.getvalue())


class PeftTest(unittest.TestCase):
    def test_mixes_are_those_of_the_benchmark(self):
        mixes = peft_baseline.mixes(32)
        self.assertEqual([11, 7, 5, 3, 2, 2, 1, 1], mixes['skewed'])
        self.assertEqual(6, len(mixes['uniform']))
        self.assertEqual({32}, {sum(groups) for groups in mixes.values()})
        self.assertEqual([32], mixes['identical'])
        self.assertEqual([1] * 32, mixes['distinct'])


def fat_binary(*entries):
    """A fat binary of (kind, capability, code)."""
    body = b''.join(fatbin.ENTRY.pack(kind, 0, 64, len(code), capability).ljust(64, b'\xff') + code for kind, capability, code in entries)
    return fatbin.HEADER.pack(fatbin.MAGIC, 1, 16, len(body)) + body


class FatbinTest(unittest.TestCase):
    def test_only_the_ptx_that_is_wanted_stays_and_nothing_moves(self):
        first = fat_binary((1, 80, b'a' * 8), (2, 90, b'b' * 24), (1, 90, b'c' * 16))
        library = bytearray(b'elf' + first + b'between' + fatbin.MAGIC + fat_binary((1, 90, b'd' * 8)) + b'end')
        size = len(library)
        self.assertEqual(24, fatbin.thin(library, 90))
        self.assertEqual(size, len(library))
        self.assertEqual([False, False, True, True], [code in library for code in (b'a' * 8, b'b' * 24, b'c' * 16, b'd' * 8)])
        self.assertTrue(library.startswith(b'elf' + first[:16 + 64]) and library.endswith(b'end'))

    def test_a_library_without_it_is_refused(self):
        for library in (b'', b'no code at all', fat_binary((2, 90, b'x' * 8)), fatbin.MAGIC):
            with self.assertRaises(ValueError):
                fatbin.thin(bytearray(library), 90)

    def test_any_bytes_are_refused_or_thinned_and_never_more(self):
        draw = random.Random(7)
        whole = fat_binary((1, 90, b'c' * 16), (2, 86, b'b' * 24))
        for _ in range(2000):
            library = bytearray(whole)
            for _ in range(draw.randrange(1, 4)):
                library[draw.randrange(len(library))] = draw.randrange(256)
            size = len(library)
            try:
                fatbin.thin(library, 90)
            except ValueError:
                pass
            self.assertEqual(size, len(library))


class LlamaTest(Folder):
    def test_the_best_rate_counts_and_other_lines_do_not(self):
        self.assertEqual(20.5, llama_baseline.rate_in(['ggml_cuda_init: found', '{"speed_tg": 10}', '[]', '{"speed_tg": 20.5}', '{"other": 1}']))
        with self.assertRaises(SystemExit):
            llama_baseline.rate_in(['no device'])

    def test_a_model_of_the_shape_has_its_sizes(self):
        shape, path = random_gguf.SHAPES['tiny'], self.folder / 'model.gguf'
        random_gguf.write(path, shape)
        data = path.read_bytes()
        self.assertEqual((b'GGUF', 3, 3 + 9 * shape['layers']), (data[:4], *struct.unpack_from('<IQ', data, 4)))
        weights = sum(tensor.size for _, tensor in random_gguf.tensors(shape, b'\0' * 64))
        self.assertLess(weights, len(data))
        self.assertLess(len(data), weights + 8192)
        self.assertEqual([path], list(self.folder.iterdir()))

    def test_the_8b_shape_is_that_of_the_benchmark(self):
        parameters = sum(tensor.size // (2 if tensor.element == 'BF16' else 4) for _, tensor in random_gguf.tensors(random_gguf.SHAPES['8b'], b'\0' * 64))
        self.assertEqual(8_030_261_248, parameters)

    def test_random_weights_are_small_numbers_of_either_sign(self):
        block = random_gguf.random_block()
        values = [struct.unpack('<f', b'\0\0' + block[at:at + 2])[0] for at in range(0, 400, 2)]
        self.assertTrue(all(2 ** -7 <= abs(value) < 2 ** -6 for value in values))
        self.assertTrue(any(value < 0 for value in values) and any(value > 0 for value in values))


if __name__ == '__main__':
    unittest.main()
