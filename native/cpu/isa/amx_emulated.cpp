// AMX's kernels with the tile instructions executed in plain C++, for tests on machines without AMX; vectors are AVX2.
#define SRV_NAMESPACE amx_emulated
#define SRV_VECTOR_HEADER "vector_avx2.h"
#define SRV_ORDER SRV_ORDER_TILE
#define SRV_TILES "tile_emulated.h"
#include "../kernels/all.h"
