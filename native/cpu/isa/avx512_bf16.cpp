// AVX-512 with BF16: products are chains of VDPBF16PS, of other bits than FMAs. Whether they outrun FMAs depends on the core: dot_rate.h.
#define SRV_NAMESPACE avx512_bf16
#define SRV_VECTOR_HEADER "vector_avx512.h"
#define SRV_ORDER SRV_ORDER_DOT
#include "../kernels/all.h"
