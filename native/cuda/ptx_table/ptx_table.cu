// One kernel per function of ptx.cuh: words in, words out. Tests compare what they give with the definition, on the emulator and on a GPU.
// Not among the kernels of the product: build_ptx.sh makes serving_ptx_table.ptx of them.
#include "arithmetic.cuh"
#include "bf16.cuh"
#include "copies.cuh"
#include "meeting.cuh"
#include "memory.cuh"
#include "tiles.cuh"
#include "warp.cuh"
#include "where.cuh"
