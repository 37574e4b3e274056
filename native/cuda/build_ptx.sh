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
with_nvcc() { "$nvcc" -ptx -arch=compute_80 -std=c++17 -O3 -fmad=false "$1" -o "$2"; }
with_clang() {
    "$clang" -x cuda -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=sm_80 --cuda-feature=+ptx78 -std=c++17 -O3 -ffp-contract=off -S "$1" -o "$2"
}

# One compiler makes all files. Written beside and moved, so that nobody reads half a file.
compile_all() {
    for pair in kernels.cu:serving_kernels.ptx ptx_table/ptx_table.cu:serving_ptx_table.ptx; do
        ptx="$out/${pair##*:}"
        "$1" "$source/${pair%%:*}" "$ptx.new" >> "$log" 2>&1 && mv "$ptx.new" "$ptx" || return 1
    done
}

# A toolkit's nvcc may find no host compiler that it takes: then clang is tried.
found=
command -v "$nvcc" > /dev/null 2>&1 && { found=1; compile_all with_nvcc && exit 0; }
command -v "$clang" > /dev/null 2>&1 && { found=1; compile_all with_clang && exit 0; }
[ -n "$found" ] || { echo "neither nvcc nor clang-19 was found"; exit 3; }
echo "the compiler failed, see $log"
exit 1
