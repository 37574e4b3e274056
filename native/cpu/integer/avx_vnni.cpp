// AVX-VNNI: VPDPBUSD on ymm registers, which client processors have without AVX-512.
#include "integer.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

namespace serving::integer_avx_vnni {

#include "vectors_256.h"

using Inputs = __m256i;

constexpr int kTileVectors = 2;
constexpr int kTileRows = 2;

INLINE Inputs splat_quad(const int8_t* p) {
    int32_t quad;
    __builtin_memcpy(&quad, p, sizeof quad);
    return _mm256_set1_epi32(quad);
}

INLINE Integers add_products(Line weights, Inputs x, Integers sum) {
    return {_mm256_dpbusd_avx_epi32(sum.a, weights.a, x), _mm256_dpbusd_avx_epi32(sum.b, weights.b, x)};
}

#include "product.h"

}  // namespace serving::integer_avx_vnni
