// AVX-512 (F, BW, VL, DQ): products are fp32 chains, the same bits as AVX2's.
#define SRV_NAMESPACE avx512
#define SRV_VECTOR_HEADER "vector_avx512.h"
#define SRV_TILE_ORDER 0
#include "../kernels/all.h"
