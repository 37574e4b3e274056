// Dot products: VPDPBUSD of AVX-VNNI and AVX-512 VNNI, VDPBF16PS.
#pragma once
#include "registers.h"

namespace srv_emulated {

// sum + the products of four unsigned bytes of a with four signed ones of b, exact, in 32 bits that wrap. (VPMADDUBSW would saturate in between: bytes are widened first.)
SRV_EMULATED __m256i mm256_dpbusd_avx_epi32(__m256i sum, __m256i a, __m256i b) {
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(0xFF)), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

SRV_EMULATED M512i mm512_dpbusd_epi32(M512i sum, M512i a, M512i b) { return {mm256_dpbusd_avx_epi32(sum.lower, a.lower, b.lower), mm256_dpbusd_avx_epi32(sum.upper, a.upper, b.upper)}; }

// What VDPBF16PS and TDPBF16PS compute by whatever the control register says: rounded to nearest even, denormals zero on both sides, nothing raised.
constexpr unsigned kFlushing = 0x9FC0;
constexpr unsigned kFlags = 0x3F;

SRV_EMULATED __m256 add_pairs(__m256 sum, __m256i a, __m256i b) {
    const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xFFFF0000u));
    sum = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(a, upper)), _mm256_castsi256_ps(_mm256_and_si256(b, upper)), sum);
    return _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)), sum);
}

// The control register is no operand that a compiler sees: what is computed goes through the instructions that set it.
static __attribute__((noinline, unused)) M512 add_pairs_flushing(M512 sum, M512bh a, M512bh b) {
    const unsigned control = _mm_getcsr();
    const unsigned flushing = kFlushing;
    __asm__ volatile("ldmxcsr %[value]" : "+x"(sum.lower), "+x"(sum.upper), "+x"(a.lower), "+x"(a.upper), "+x"(b.lower), "+x"(b.upper) : [value] "m"(flushing));
    sum = {add_pairs(sum.lower, a.lower, b.lower), add_pairs(sum.upper, a.upper, b.upper)};
    __asm__ volatile("ldmxcsr %[value]" : "+x"(sum.lower), "+x"(sum.upper) : [value] "m"(control));
    return sum;
}

// Two fused multiply-adds, the odd elements' first, as Intel's manual has it.
SRV_EMULATED M512 mm512_dpbf16_ps(M512 sum, M512bh a, M512bh b) {
    if (__builtin_expect((_mm_getcsr() & ~kFlags) != kFlushing, false)) {
        return add_pairs_flushing(sum, a, b);
    }

    return {add_pairs(sum.lower, a.lower, b.lower), add_pairs(sum.upper, a.upper, b.upper)};
}

}  // namespace srv_emulated
