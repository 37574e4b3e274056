// A zmm register as two ymm registers, one type for each of the compiler's, so that what the compiler tells apart stays apart.
#pragma once
#include <cstdint>

#define SRV_EMULATED static inline __attribute__((always_inline))

namespace srv_emulated {

struct M512 {
    __m256 lower;
    __m256 upper;
};

struct M512i {
    __m256i lower;
    __m256i upper;
};

// Thirty-two bf16. From other registers by a cast only, as the compiler has it.
struct M512bh {
    M512bh() = default;
    explicit M512bh(M512i x) : lower(x.lower), upper(x.upper) {}
    __m256i lower;
    __m256i upper;
};

// Lanes of eight dwords: all bits where the mask's bit is set.
SRV_EMULATED __m256i dwords_of(unsigned mask) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(mask)), bits), bits);
}

SRV_EMULATED M512i mm512_castps_si512(M512 a) { return {_mm256_castps_si256(a.lower), _mm256_castps_si256(a.upper)}; }
SRV_EMULATED M512 mm512_castsi512_ps(M512i a) { return {_mm256_castsi256_ps(a.lower), _mm256_castsi256_ps(a.upper)}; }
SRV_EMULATED __m256 mm512_castps512_ps256(M512 a) { return a.lower; }

// The upper half is not defined: something that shows.
SRV_EMULATED M512i mm512_castsi256_si512(__m256i a) { return {a, _mm256_set1_epi32(0x7FA5A5A5)}; }

template <int Half>
SRV_EMULATED M512i mm512_inserti64x4(M512i a, __m256i b) {
    static_assert(Half == 0 || Half == 1);
    return Half == 0 ? M512i{b, a.upper} : M512i{a.lower, b};
}

template <int Half>
SRV_EMULATED __m256 mm512_extractf32x8_ps(M512 a) {
    static_assert(Half == 0 || Half == 1);
    return Half == 0 ? a.lower : a.upper;
}

SRV_EMULATED M512 mm512_setzero_ps() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
SRV_EMULATED M512 mm512_set1_ps(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
SRV_EMULATED M512i mm512_set1_epi8(char x) { return {_mm256_set1_epi8(x), _mm256_set1_epi8(x)}; }
SRV_EMULATED M512i mm512_set1_epi32(int x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }

SRV_EMULATED M512i mm512_broadcast_i32x4(__m128i a) {
    const __m256i both = _mm256_broadcastsi128_si256(a);
    return {both, both};
}

}  // namespace srv_emulated
