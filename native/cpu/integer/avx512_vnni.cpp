// AVX-512 VNNI: VPDPBUSD on zmm registers.
#include "integer.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

namespace serving::integer_avx512_vnni {

struct Vector {
    __m512 v;
};

struct Integers {
    __m512i v;
};

using Line = Integers;  // 64 bytes of weights, 4 of each output
using Inputs = __m512i;

constexpr int kTileVectors = 12;
constexpr int kTileRows = 6;

INLINE Vector zero() { return {_mm512_setzero_ps()}; }
INLINE void store(float* p, Vector x) { _mm512_storeu_ps(p, x.v); }
INLINE Integers splat(int32_t x) { return {_mm512_set1_epi32(x)}; }
INLINE Line load_line(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
INLINE Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
INLINE void store_line(uint8_t* p, Line x) { _mm512_storeu_si512(p, x.v); }
INLINE Line lower_nibbles(Line x) { return {_mm512_and_si512(x.v, _mm512_set1_epi8(15))}; }
INLINE Line upper_nibbles(Line x) { return {_mm512_and_si512(_mm512_srli_epi16(x.v, 4), _mm512_set1_epi8(15))}; }

INLINE Line looked_up(Line codes, const uint8_t* table) {
    const __m512i numbers = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
    return {_mm512_shuffle_epi8(numbers, codes.v)};
}

INLINE Vector load_scales(const uint8_t* p) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16))};
}

INLINE Vector add_offsets(Vector offsets, float input_sum, Vector sum) { return {_mm512_fmadd_ps(_mm512_set1_ps(input_sum), offsets.v, sum.v)}; }

INLINE Vector scaled_add(Integers dot, Vector weight_scales, float input_scale, Vector sum) {
    return {_mm512_fmadd_ps(_mm512_cvtepi32_ps(dot.v), _mm512_mul_ps(weight_scales.v, _mm512_set1_ps(input_scale)), sum.v)};
}

INLINE Inputs splat_quad(const int8_t* p) {
    int32_t quad;
    __builtin_memcpy(&quad, p, sizeof quad);
    return _mm512_set1_epi32(quad);
}

INLINE Integers add_products(Line weights, Inputs x, Integers sum) {
    return {_mm512_dpbusd_epi32(sum.v, weights.v, x)};
}

#include "product.h"

}  // namespace serving::integer_avx512_vnni
