#!/bin/sh
# build_ptx.sh OUT_FOLDER: compiles kernels.cu to OUT_FOLDER/serving_kernels.ptx and ptx_table/ptx_table.cu to serving_ptx_table.ptx, for sm_80 and up.
# Exit status 3 means that no compiler can; standard output says which were looked for. NVCC and CLANG_CUDA name others.
set -u
source=$(cd "$(dirname "$0")" && pwd)
out=$1
mkdir -p "$out" || exit 1
log="$out/ptx.log"
: > "$log"

nvcc=${NVCC:-nvcc}
clang=${CLANG_CUDA:-clang-19}
if command -v "$nvcc" > /dev/null 2>&1; then
    compile() { "$nvcc" -ptx -arch=compute_80 -std=c++20 -O3 -fmad=false "$1" -o "$2"; }
elif command -v "$clang" > /dev/null 2>&1; then
    compile() {
        "$clang" -x cuda -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=sm_80 --cuda-feature=+ptx78 -std=c++20 -O3 -ffp-contract=off -S "$1" -o "$2"
    }
else
    echo "neither nvcc nor clang-19 was found"
    exit 3
fi

for pair in kernels.cu:serving_kernels.ptx ptx_table/ptx_table.cu:serving_ptx_table.ptx; do
    list="$source/${pair%%:*}"
    ptx="$out/${pair##*:}"
    [ -f "$list" ] || continue
    # Written beside and moved, so that nobody reads half a file.
    compile "$list" "$ptx.new" >> "$log" 2>&1 && mv "$ptx.new" "$ptx" || { echo "the compiler failed, see $log"; exit 1; }
done
