// AVX-512 (F, BW, VL, DQ): products are fp32 chains, the same bits as AVX2's.
#define SRV_NAMESPACE avx512
#define SRV_VECTOR_HEADER "vector_avx512.h"
#define SRV_ORDER SRV_ORDER_FMA
#include "../kernels/all.h"
