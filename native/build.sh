#!/bin/sh
# build.sh BUILD_FOLDER [cmake arguments]: builds libserving_cpu.so there, quietly; with -DSERVING_NATIVE=emulator libserving_cuda_emulator.so instead, with -DSERVING_NATIVE=cpu_emulator libserving_cpu_emulated.so. Exit status 3 means that a tool is missing; standard output says which.
set -u
source=$(cd "$(dirname "$0")" && pwd)
build=$1
shift

command -v cmake > /dev/null 2>&1 || { echo "cmake was not found"; exit 3; }
compiler=${CXX:-}
for candidate in g++ clang++ c++; do
    [ -n "$compiler" ] || ! command -v "$candidate" > /dev/null 2>&1 || compiler=$candidate
done
[ -n "$compiler" ] || { echo "no C++ compiler was found"; exit 3; }

mkdir -p "$build" || exit 1
log="$build/build.log"

# Builds of several projects at once may come here at the same time.
if command -v flock > /dev/null 2>&1; then
    exec 9> "$build/lock"
    flock 9
fi

: > "$log"
CXX=$compiler cmake -S "$source" -B "$build" "$@" >> "$log" 2>&1 || { echo "cmake failed, see $log"; exit 1; }
# A number: without one make starts every compiler at once, which takes a small machine's memory.
cmake --build "$build" --parallel "$(getconf _NPROCESSORS_ONLN 2> /dev/null || echo 2)" >> "$log" 2>&1 || { echo "the compiler failed, see $log"; exit 1; }
touch "$build"/libserving_*.so
