#!/usr/bin/env python3
"""Brings llama.cpp for CUDA, to be carried to a machine with a GPU: artifacts/llama.tar.xz, some 25 MiB. Needs npm, git and g++; no GPU.

    llama_fetch.py [--capability 90]

The libraries are those that node-llama-cpp has prebuilt (@node-llama-cpp/linux-x64-cuda); of their CUDA code the PTX for one compute capability is kept. There is no program
among them, so llama-batched-bench is compiled from the source that node-llama-cpp carries, of the same release, against them. On the GPU's machine CUDA 13's libcudart and
libcublas are needed, which are too large to bring. `gpu-check` unpacks the archive and runs it.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import fatbin

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / 'artifacts' / 'llama.tar.xz'
RELEASE = '3.22.1'
# What any x86-64 processor of a machine with such a GPU runs; it computes nothing here.
PROCESSOR = 'libggml-cpu-haswell.so'


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def package(name, folder):
    """Unpacks a package of the registry."""
    packed = run('npm', 'pack', '--silent', f'{name}@{RELEASE}', cwd=folder, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    target = folder / name.replace('/', '-')
    target.mkdir()
    run('tar', '-xzf', str(folder / packed), '-C', str(target))
    return target / 'package'


def fetch(work, capability):
    """Makes the folder `llama` in a work folder."""
    libraries = package('@node-llama-cpp/linux-x64-cuda', work) / 'bins' / 'linux-x64-cuda'
    release = json.loads((libraries / '_nlcBuildMetadata.json').read_text())['buildOptions']['llamaCpp']['release']
    source = work / 'source'
    run('git', 'clone', '--quiet', str(package('node-llama-cpp', work) / 'llama' / 'gitRelease.bundle'), str(source))
    target = work / 'llama'
    target.mkdir()
    wanted = ['libggml-base.so', PROCESSOR, 'libggml-cuda.so', f'libggml.cuda.{release}.so', 'libllama-common.so', f'libllama.cuda.{release}.so']
    for name in wanted:
        shutil.copy(libraries / name, target)
    code = bytearray((target / 'libggml-cuda.so').read_bytes())
    fatbin.thin(code, capability)
    (target / 'libggml-cuda.so').write_bytes(code)
    tool = source / 'tools' / 'batched-bench'
    run('g++', '-std=c++17', '-O1', *(f'-I{source / part}' for part in ('include', 'ggml/include', 'common')), *map(str, sorted(tool.glob('*.cpp'))),
        '-o', str(target / 'llama-batched-bench'), f'-L{target}', *(f'-l:{name}' for name in wanted[:1] + wanted[3:]), '-Wl,-rpath,$ORIGIN', '-Wl,--allow-shlib-undefined')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--capability', type=int, default=90)
    options = parser.parse_args()
    ARCHIVE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        fetch(pathlib.Path(work), options.capability)
        run('tar', '-C', work, '-cf', str(ARCHIVE.with_suffix('')), 'llama')
    run('xz', '-f', '-T0', '-2', str(ARCHIVE.with_suffix('')))
    print(f'{ARCHIVE.relative_to(ROOT)}: {ARCHIVE.stat().st_size >> 20} MiB')


if __name__ == '__main__':
    main()
