// AMX: products of more than four rows are tiles, the others FMAs in the tiles' order; vectors are AVX-512.
#define SRV_NAMESPACE amx
#define SRV_VECTOR_HEADER "vector_avx512.h"
#define SRV_ORDER SRV_ORDER_TILE
#define SRV_TILES "tile_hardware.h"
#include "../kernels/all.h"
