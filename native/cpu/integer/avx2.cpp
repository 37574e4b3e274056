// AVX2 has no dot product of bytes: bytes are taken as pairs of 16 bits.
#include "integer.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

namespace serving::integer_avx2 {

#include "vectors_256.h"

// A quad as bytes, and its even and its odd bytes as 16 bits.
struct Inputs {
    __m256i bytes;
    __m256i even;
    __m256i odd;
};

INLINE Inputs splat_quad(const int8_t* p) {
    const __m256i bytes = quad_at(p);
    return {bytes, _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
}

// Sums of two products of a nibble and a byte stay below 16 bits, those of two bytes do not.
template <bool Nibbles>
INLINE __m256i add_half(__m256i weights, const Inputs& x, __m256i sum) {
    if constexpr (Nibbles) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(weights, x.bytes), _mm256_set1_epi16(1)));
    }

    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(weights, _mm256_set1_epi16(255)), x.even);
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_srli_epi16(weights, 8), x.odd)));
}

template <bool Nibbles>
INLINE Integers add_products(Line weights, const Inputs& x, Integers sum) {
    return {add_half<Nibbles>(weights.a, x, sum.a), add_half<Nibbles>(weights.b, x, sum.b)};
}

#include "product.h"

}  // namespace serving::integer_avx2
