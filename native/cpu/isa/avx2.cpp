// AVX2 and FMA: products are fp32 chains.
#define SRV_NAMESPACE avx2
#define SRV_VECTOR_HEADER "vector_avx2.h"
#define SRV_ORDER SRV_ORDER_FMA
#include "../kernels/all.h"
