#!/usr/bin/env python3
"""Runs what gpu-check has packed, within a limit of time, and leaves a report whatever happens.

    gpu-check [OUT] [--only STAGE,...] [--limit SECONDS] [--rows GLOB,...] [--emulator LIBRARY]

A GPU is often lent for minutes. So the whole run ends within --limit (570 s, for a machine that gives a command ten minutes; 0 for none), and each stage within its share
of that (SHARES). What is cut off is said in the table and in OUT/gpu-check.json, with the tests and rows that did not run. SIGTERM ends the run at once, with the
same report. Everything is written as it happens: tests as JSON lines, the figures of benchmark and peers after each row, OUT/stages.json whenever a stage begins or ends.
What is unpacked, and what the driver has compiled, stays under artifacts/ for the next run on the machine.

Tests come first, since figures of wrong kernels are worth nothing; compute-sanitizer, which is slow and says least that is new, comes last. --rows says which rows of the benchmark,
the most wanted first (`Serving.Benchmarks cuda`). --emulator runs the same with the emulated driver and a tiny shape where no GPU is: it shows that everything runs.

Exit status: 0 all that was asked for ran and no test failed, 1 a test or a stage failed, 2 the command line or the machine is not right, 3 something was cut off, 143 after SIGTERM.
"""
import argparse
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import shutil
import signal
import site
import subprocess
import sys
import tarfile
import time

import gpu_check_report

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / 'artifacts'
ARCHIVE = ARTIFACTS / 'gpu-check.tar.xz'
HERE = ARTIFACTS / 'gpu-check'

# Most of the limit that a stage takes, in percent: the next ones have the rest. What tests wait for is the oracle, one core each, so they run side by side.
SHARES = {'tests': 40, 'references': 40, 'benchmark': 65, 'peers': 25, 'sanitizer': 100}
REPORT_SECONDS = 5
END_SECONDS = 5
POLL_SECONDS = 0.05

TESTS = {
    'ptx': ['-class', '*PtxTableTests'],
    'attention': ['-class', '*AttentionKernelTests', '-class', '*AttentionWindowTests'],
    'kernels': ['-namespace', 'Serving.Compute.Tests.Cuda.Kernels', '-class-', '*AttentionKernelTests', '-class-', '*AttentionWindowTests', '-class-', '*PlantedBugTests', '-class-', '*AssemblyTests'],
    'backend': ['-namespace', 'Serving.Compute.Tests.Cuda*', '-namespace-', 'Serving.Compute.Tests.Cuda.Kernels*', '-class-', '*PtxTableTests', '-class-', '*EmulatorSelfTests'],
}


class Stage:
    """A command with files for what it prints, and what became of it."""

    def __init__(self, name, share, command, out, lines=False):
        self.name, self.share, self.command = name, share, command
        self.printed, self.log = out / f'{name}.{"jsonl" if lines else "log"}', out / f'{name}.log'
        self.state, self.seconds, self.limit, self.status = 'not begun', 0.0, None, None
        self._process, self._began = None, None

    def start(self, seconds, environment):
        """Starts the command, a function of the seconds that it has (None for no end), in a process group of its own."""
        self.limit, self._began, self.state = seconds, time.monotonic(), 'running'
        # Appended to, as one file may be both.
        with open(self.printed, 'ab') as printed, open(self.log, 'ab') as log:
            self._process = subprocess.Popen(self.command(seconds), stdout=printed, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)

    def poll(self):
        """Whether it runs on. One that has had its time is ended."""
        if self.state != 'running':
            return False
        self.seconds, self.status = round(time.monotonic() - self._began, 1), self._process.poll()
        if self.status is not None:
            self.state = 'ended'
        elif self.limit is not None and self.seconds >= self.limit:
            self.end('cut off')
        return self.state == 'running'

    def end(self, state):
        """Ends it, and all that it has started, if it runs."""
        if self.state != 'running':
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        # What it has started may outlive it.
        self._signal(signal.SIGKILL)
        self.status = self._process.wait()
        self.state, self.seconds = state, round(time.monotonic() - self._began, 1)

    def _signal(self, number):
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass

    def summary(self):
        """For stages.json."""
        return {'name': self.name, 'state': self.state, 'seconds': self.seconds, 'limit': self.limit, 'status': self.status}


class Run:
    """Stages, one group after the other, those of a group side by side."""

    def __init__(self, out, limit, environment, signals):
        self._out, self._limit, self._environment, self._signals = out, limit, environment, signals
        self._began = time.monotonic()
        self.stages, self.notes = [], []

    def note(self, name, state, seconds=0.0):
        """Something beside the stages: how long unpacking took, a peer that is not at hand."""
        self.notes.append({'name': name, 'state': state, 'seconds': round(seconds, 1), 'limit': None, 'status': None})
        self.write()

    def left(self, share):
        """Seconds that a stage has; None for no end."""
        if self._limit == 0:
            return None
        left = self._limit - (time.monotonic() - self._began) - REPORT_SECONDS - END_SECONDS
        return max(0.0, min(left, self._limit * share / 100))

    def run(self, group):
        """Runs a group; what there is no time for is not begun."""
        for stage in group:
            seconds = self.left(stage.share)
            if seconds is None or seconds > 1:
                print(f'== {stage.name}', flush=True)
                with self._signals.held():
                    stage.start(seconds, self._environment)
        self.write()
        while any([stage.poll() for stage in group]):
            time.sleep(POLL_SECONDS)
        self.write()

    def end(self):
        """Ends what runs."""
        for stage in self.stages:
            stage.end('ended by a signal')
        self.write()

    def write(self):
        """Leaves what is known by now, as one file at any time."""
        gpu_check_report.write(self._out / 'stages.json', self.notes + [stage.summary() for stage in self.stages])


def unpack(packed, folder):
    """Unpacks an archive of one folder below artifacts/, unless that has been done."""
    with open(packed, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    stamp = folder / 'unpacked'
    if stamp.exists() and stamp.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    # tar with xz's threads, which take the blocks that the archive was packed in.
    environment = dict(os.environ, XZ_DEFAULTS='-T0')
    if subprocess.run(['tar', '-C', str(ARTIFACTS), '-xJf', str(packed)], env=environment, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        with tarfile.open(packed) as archive:
            archive.extractall(ARTIFACTS)
    stamp.write_text(digest)


def bring(emulator):
    """Tests find the emulated driver beside them, where pack has left it out."""
    for suites in ('Serving.Compute.Tests', 'Serving.Engine.Tests'):
        if (HERE / suites).is_dir():
            shutil.copy(emulator, HERE / suites / 'libserving_cuda_emulator.so')


def environment_for(emulator):
    """The variables of everything that is started."""
    # cuBLASLt of Python's packages lies in folders that the loader does not know.
    roots = [*site.getsitepackages(), site.getusersitepackages(), *filter(None, sys.path)]
    nvidia = dict.fromkeys(folder for root in roots for folder in glob.glob(os.path.join(root, 'nvidia', '*', 'lib')))
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=':'.join([os.environ.get('LD_LIBRARY_PATH', ''), *nvidia, '/usr/local/cuda/lib64']),
        DOTNET_ROOT=str(HERE / 'dotnet'),
        DOTNET_SYSTEM_GLOBALIZATION_INVARIANT='1',
        # Some dozens of processes and contexts load the same kernels: the driver compiles them once where it may keep them.
        CUDA_CACHE_PATH=str(ARTIFACTS / 'gpu-check-cache'),
        CUDA_CACHE_MAXSIZE=str(1 << 30))
    environment.pop('SERVING_CUDA_DRIVER', None)
    environment.update({'SERVING_CUDA_DRIVER': emulator} if emulator else {'SERVING_TEST_GPU': '1'})
    return environment


def program(project, *arguments):
    """The command line of a program in the archive."""
    return [str(HERE / 'dotnet' / 'dotnet'), 'exec', str(HERE / project / f'{project}.dll'), *arguments]


def tests_of(out, wanted):
    """The suites. An error that stays, as an illegal address does, ends one process and not the others."""
    def suite(name, share, project, arguments):
        return Stage(name, share, lambda _: program(project, *arguments, '-reporter', 'json', '-noColor', '-noLogo'), out, lines=True)

    suites = [suite(name, SHARES['tests'], 'Serving.Compute.Tests', arguments) for name, arguments in TESTS.items()] if 'tests' in wanted else []
    if 'references' in wanted:
        suites.append(suite('references', SHARES['references'], 'Serving.Engine.Tests', ['-method', '*ReferenceTests*', '-method', '*CudaGenerationTests*']))
    return suites


def benchmark_of(out, rows, shape):
    """The benchmark: it ends by itself before it is ended, unless a row takes too long."""
    def command(seconds):
        limit = [] if seconds is None else ['--limit', f'{max(1.0, seconds - 2 * END_SECONDS):.0f}']
        chosen = ['--rows', rows] if rows else []
        return program('Serving.Benchmarks', 'cuda', '--shape', shape, '--json', str(out / 'benchmark.json'), *limit, *chosen)

    return Stage('benchmark', SHARES['benchmark'], command, out)


def peers_of(run, out, shape, environment):
    """The peers that are at hand, one after the other."""
    python, here = sys.executable, ROOT / 'native' / 'cuda'
    at_hand = subprocess.run([python, '-c', 'import torch; assert torch.cuda.is_available()'], env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0
    if at_hand:
        yield Stage('peft', SHARES['peers'], lambda _: [python, str(here / 'peft_baseline.py'), str(out / 'peft.json'), '--shape', shape], out)
    else:
        run.note('peft', 'not at hand: Python has no PyTorch for this GPU')
    program = os.environ.get('LLAMA_SERVER') or llama_bench()
    if not program:
        run.note('llama', 'not at hand: artifacts/llama.tar.xz is not here (llama_fetch.py), nor does LLAMA_SERVER name a server')
        return
    model = os.environ.get('LLAMA_MODEL') or str(ARTIFACTS / f'gpu-check-{shape}.gguf')
    processor = ['--cpu'] if shape == 'tiny' else []
    yield Stage('llama', SHARES['peers'], lambda _: [python, str(here / 'llama_baseline.py'), str(out / 'llama.json'), program, model, '--shape', shape, *processor], out)


def llama_bench():
    """llama.cpp's own benchmark, where it was brought."""
    packed = ARTIFACTS / 'llama.tar.xz'
    if not packed.exists():
        return None
    unpack(packed, ARTIFACTS / 'llama')
    return str(ARTIFACTS / 'llama' / 'llama-batched-bench')


def groups_of(run, out, options, environment):
    """What is asked for, in its order."""
    shape = 'tiny' if options.emulator else '8b'
    yield tests_of(out, options.only)
    if 'benchmark' in options.only:
        yield [benchmark_of(out, options.rows, shape)]
    if 'peers' in options.only:
        for peer in peers_of(run, out, shape, environment):
            yield [peer]
    if 'sanitizer' in options.only:
        if shutil.which('compute-sanitizer'):
            tests = program('Serving.Compute.Tests', '-namespace', 'Serving.Compute.Tests.Cuda.Kernels*', '-noColor', '-noLogo')
            yield [Stage('sanitizer', SHARES['sanitizer'], lambda _: ['compute-sanitizer', '--tool', 'memcheck', '--error-exitcode', '9', *tests], out)]
        else:
            run.note('sanitizer', 'not at hand: compute-sanitizer is not installed')


def read_options():
    parser = argparse.ArgumentParser(prog='gpu-check', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', nargs='?', type=pathlib.Path, default=ARTIFACTS / 'gpu-check-results')
    parser.add_argument('--limit', type=int, default=570)
    parser.add_argument('--only', type=lambda text: text.split(','), default=list(SHARES))
    parser.add_argument('--rows')
    parser.add_argument('--emulator')
    options = parser.parse_args()
    if unknown := set(options.only) - set(SHARES):
        parser.error(f'--only: there is no stage {", ".join(sorted(unknown))}; there are {", ".join(SHARES)}')
    if options.limit < 0:
        parser.error('--limit: a number of seconds, or 0')
    if not ARCHIVE.exists():
        parser.error(f'{ARCHIVE} is missing: run native/cuda/gpu-check pack where the .NET SDK is')
    if not options.emulator and not shutil.which('nvidia-smi'):
        parser.error('there is no NVIDIA driver here')
    return options


def clean(out):
    """What an earlier run has left would pass for this one's."""
    out.mkdir(parents=True, exist_ok=True)
    for pattern in ('*.jsonl', '*.log', '*.json', '*.next', 'gpu.txt'):
        for path in out.glob(pattern):
            path.unlink()


def device_of(emulator):
    """The GPU in a line."""
    if emulator:
        return 'the emulated driver: figures mean nothing'
    query = ['nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']
    return subprocess.run(query, stdout=subprocess.PIPE, text=True, check=True).stdout.strip().splitlines()[0]


class Ended(Exception):
    """The run was asked to end."""


class Signals:
    """The first of SIGTERM and SIGINT raises Ended, at once or after what must not be cut in two; later ones do nothing."""

    def __init__(self):
        self._held, self._came = False, False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)

    @contextlib.contextmanager
    def held(self):
        """A command that has been started and is not known yet could not be ended. Blocked signals would be inherited by it, so they are noted."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            raise Ended

    def _end(self, number, frame):
        # Ignored from here on, a command about to be started would ignore them too.
        first, self._came = not self._came, True
        if first and not self._held:
            raise Ended


def main():
    options = read_options()
    out, ended = options.out.resolve(), False
    clean(out)
    signals = Signals()
    environment = environment_for(options.emulator and os.path.abspath(options.emulator))
    run = Run(out, options.limit, environment, signals)
    try:
        began = time.monotonic()
        unpack(ARCHIVE, HERE)
        if options.emulator:
            bring(options.emulator)
        run.note('unpack', 'ended', time.monotonic() - began)
        (out / 'gpu.txt').write_text(device_of(options.emulator) + '\n')
        for group in groups_of(run, out, options, environment):
            run.stages += group
            run.run(group)
    except Ended:
        ended = True
        run.end()
        run.note('the run', 'ended by a signal')
    status = gpu_check_report.main(out, HERE / 'ptx.sha256')
    return 143 if ended else status


if __name__ == '__main__':
    sys.exit(main())
