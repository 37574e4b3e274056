#!/bin/sh
# build_ptx.sh OUT_FOLDER: compiles kernels.cu to OUT_FOLDER/serving_kernels.ptx and ptx_table/ptx_table.cu to serving_ptx_table.ptx, for sm_80 and up; and
# what only sm_90a takes to serving_hopper.ptx and serving_ptx_table_hopper.ptx, unless the compiler is too old for it (nvcc before 12): then they are not made.
# Exit status 3 means that no compiler can; standard output says which were looked for. NVCC and CLANG_CUDA name others.
set -u
source=$(cd "$(dirname "$0")" && pwd)
out=$1
mkdir -p "$out" || exit 1
log="$out/ptx.log"
: > "$log"

nvcc=${NVCC:-nvcc}
clang=${CLANG_CUDA:-clang-19}
with_nvcc() { "$nvcc" -ptx -arch=compute_$3 -std=c++17 -O3 -fmad=false "$1" -o "$2"; }
with_clang() {
    feature=ptx78
    [ "$3" = 80 ] || feature=ptx80
    "$clang" -x cuda -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=sm_$3 --cuda-feature=+$feature -std=c++17 -O3 -ffp-contract=off -S "$1" -o "$2"
}

# compile COMPILER ARCHITECTURE SOURCE NAME: written beside and moved, so that nobody reads half a file.
compile() {
    ptx="$out/$4.ptx"
    "$1" "$source/$3" "$ptx.new" "$2" >> "$log" 2>&1 && mv "$ptx.new" "$ptx"
}

compile_all() {
    compile "$1" 80 kernels.cu serving_kernels && compile "$1" 80 ptx_table/ptx_table.cu serving_ptx_table || return 1
    rm -f "$out/serving_hopper.ptx" "$out/serving_ptx_table_hopper.ptx"
    for compiler in "$1" with_clang; do
        compile "$compiler" 90a kernels_hopper.cu serving_hopper && compile "$compiler" 90a ptx_table/ptx_table_hopper.cu serving_ptx_table_hopper && break
    done
    return 0
}

# A toolkit's nvcc may find no host compiler that it takes: then clang is tried.
found=
command -v "$nvcc" > /dev/null 2>&1 && { found=1; compile_all with_nvcc && exit 0; }
command -v "$clang" > /dev/null 2>&1 && { found=1; compile_all with_clang && exit 0; }
[ -n "$found" ] || { echo "neither nvcc nor clang-19 was found"; exit 3; }
echo "the compiler failed, see $log"
exit 1
