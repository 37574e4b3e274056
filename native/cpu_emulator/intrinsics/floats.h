// Arithmetic of floats. Lanes are those of AVX's instructions, which round and flush by the control register as AVX-512's do.
#pragma once
#include "registers.h"

namespace srv_emulated {

#define SRV_BOTH_HALVES(name, with)                                                                      \
    SRV_EMULATED M512 mm512_##name(M512 a, M512 b) { return {with(a.lower, b.lower), with(a.upper, b.upper)}; }

SRV_BOTH_HALVES(add_ps, _mm256_add_ps)
SRV_BOTH_HALVES(sub_ps, _mm256_sub_ps)
SRV_BOTH_HALVES(mul_ps, _mm256_mul_ps)
SRV_BOTH_HALVES(div_ps, _mm256_div_ps)
SRV_BOTH_HALVES(max_ps, _mm256_max_ps)
SRV_BOTH_HALVES(min_ps, _mm256_min_ps)
#undef SRV_BOTH_HALVES

SRV_EMULATED M512 mm512_fmadd_ps(M512 a, M512 b, M512 c) { return {_mm256_fmadd_ps(a.lower, b.lower, c.lower), _mm256_fmadd_ps(a.upper, b.upper, c.upper)}; }

// To whole numbers: VRNDSCALEPS keeps as many bits behind the point as the upper half of its immediate says, here none.
template <int How>
SRV_EMULATED M512 mm512_roundscale_ps(M512 a) {
    static_assert(How >= 0 && How < 16, "bits behind the point are not emulated");
    return {_mm256_round_ps(a.lower, How), _mm256_round_ps(a.upper, How)};
}

// By any of the 32 predicates.
template <int Predicate>
SRV_EMULATED __mmask16 mm512_cmp_ps_mask(M512 a, M512 b) {
    static_assert(Predicate >= 0 && Predicate < 32);
    const int lower = _mm256_movemask_ps(_mm256_cmp_ps(a.lower, b.lower, Predicate));
    return static_cast<__mmask16>(lower | _mm256_movemask_ps(_mm256_cmp_ps(a.upper, b.upper, Predicate)) << 8);
}

// b where the mask's bit is set, a elsewhere.
SRV_EMULATED M512 mm512_mask_blend_ps(__mmask16 mask, M512 a, M512 b) {
    return {_mm256_blendv_ps(a.lower, b.lower, _mm256_castsi256_ps(dwords_of(mask))), _mm256_blendv_ps(a.upper, b.upper, _mm256_castsi256_ps(dwords_of(mask >> 8)))};
}

SRV_EMULATED M512i mm512_cvtps_epi32(M512 a) { return {_mm256_cvtps_epi32(a.lower), _mm256_cvtps_epi32(a.upper)}; }
SRV_EMULATED M512 mm512_cvtepi32_ps(M512i a) { return {_mm256_cvtepi32_ps(a.lower), _mm256_cvtepi32_ps(a.upper)}; }

}  // namespace srv_emulated
