// The entries, in a namespace of their own for each kind of intrinsics: SRV_TABLE_NAMESPACE.
#include <immintrin.h>
#include <string.h>

#include "table.h"

namespace srv_table::SRV_TABLE_NAMESPACE {
namespace {

using Operands = srv_intrinsic_operands;

// A register out of, and into, memory, with nothing of what is tested.
template <typename T>
T take(const uint8_t* from) {
    static_assert(sizeof(T) <= 64);
    T x;
    memcpy(&x, from, sizeof x);
    return x;
}

template <typename T>
void give(Operands& o, T x) {
    memset(o.result, 0, sizeof o.result);
    memcpy(o.result, &x, sizeof x);
}

#define A_PS take<__m512>(o.a)
#define B_PS take<__m512>(o.b)
#define C_PS take<__m512>(o.c)
#define A_SI take<__m512i>(o.a)
#define B_SI take<__m512i>(o.b)
#define MASK static_cast<__mmask16>(o.mask)

#define SRV_ENTRY(name, body) void name(Operands& o) { body; }
#define SRV_GIVES(name, value) SRV_ENTRY(name, give(o, value))
#define SRV_IMMEDIATE(name, body) \
    template <int I>              \
    SRV_ENTRY(name, body)

SRV_GIVES(setzero_ps, _mm512_setzero_ps())
SRV_GIVES(set1_ps, _mm512_set1_ps(take<float>(o.a)))
SRV_GIVES(set1_epi8, _mm512_set1_epi8(take<char>(o.a)))
SRV_GIVES(set1_epi32, _mm512_set1_epi32(take<int>(o.a)))
SRV_GIVES(broadcast_i32x4, _mm512_broadcast_i32x4(take<__m128i>(o.a)))
SRV_GIVES(loadu_ps, _mm512_loadu_ps(o.memory))
SRV_GIVES(loadu_si512, _mm512_loadu_si512(o.memory))
SRV_GIVES(maskz_loadu_ps, _mm512_maskz_loadu_ps(MASK, o.memory))
SRV_ENTRY(storeu_ps, _mm512_storeu_ps(o.memory, A_PS))
SRV_ENTRY(storeu_si512, _mm512_storeu_si512(o.memory, A_SI))
SRV_ENTRY(mask_storeu_ps, _mm512_mask_storeu_ps(o.memory, MASK, A_PS))
SRV_GIVES(add_ps, _mm512_add_ps(A_PS, B_PS))
SRV_GIVES(sub_ps, _mm512_sub_ps(A_PS, B_PS))
SRV_GIVES(mul_ps, _mm512_mul_ps(A_PS, B_PS))
SRV_GIVES(div_ps, _mm512_div_ps(A_PS, B_PS))
SRV_GIVES(max_ps, _mm512_max_ps(A_PS, B_PS))
SRV_GIVES(min_ps, _mm512_min_ps(A_PS, B_PS))
SRV_GIVES(fmadd_ps, _mm512_fmadd_ps(A_PS, B_PS, C_PS))
SRV_GIVES(cvtps_epi32, _mm512_cvtps_epi32(A_PS))
SRV_GIVES(cvtepi32_ps, _mm512_cvtepi32_ps(A_SI))
SRV_GIVES(cvtepu16_epi32, _mm512_cvtepu16_epi32(take<__m256i>(o.a)))
SRV_GIVES(cvtepi8_epi32, _mm512_cvtepi8_epi32(take<__m128i>(o.a)))
SRV_GIVES(cvtepi32_epi16, _mm512_cvtepi32_epi16(A_SI))
SRV_GIVES(cvtsepi32_epi8, _mm512_cvtsepi32_epi8(A_SI))
SRV_GIVES(add_epi32, _mm512_add_epi32(A_SI, B_SI))
SRV_GIVES(and_si512, _mm512_and_si512(A_SI, B_SI))
SRV_GIVES(or_si512, _mm512_or_si512(A_SI, B_SI))
SRV_GIVES(shuffle_epi8, _mm512_shuffle_epi8(A_SI, B_SI))
SRV_GIVES(mask_blend_ps, _mm512_mask_blend_ps(MASK, A_PS, B_PS))
SRV_GIVES(mask_blend_epi32, _mm512_mask_blend_epi32(MASK, A_SI, B_SI))
SRV_GIVES(castps_si512, _mm512_castps_si512(A_PS))
SRV_GIVES(castsi512_ps, _mm512_castsi512_ps(A_SI))
SRV_GIVES(castps512_ps256, _mm512_castps512_ps256(A_PS))
SRV_GIVES(castsi256_si512, _mm512_castsi256_si512(take<__m256i>(o.a)))
SRV_GIVES(dpbusd_epi32, _mm512_dpbusd_epi32(take<__m512i>(o.c), A_SI, B_SI))
SRV_GIVES(dpbusd_avx_epi32, _mm256_dpbusd_avx_epi32(take<__m256i>(o.c), take<__m256i>(o.a), take<__m256i>(o.b)))
SRV_GIVES(dpbf16_ps, _mm512_dpbf16_ps(C_PS, (__m512bh)A_SI, (__m512bh)B_SI))
SRV_IMMEDIATE(roundscale_ps, give(o, _mm512_roundscale_ps(A_PS, I)))
SRV_IMMEDIATE(cmp_ps_mask, o.mask = _mm512_cmp_ps_mask(A_PS, B_PS, I))
SRV_IMMEDIATE(inserti64x4, give(o, _mm512_inserti64x4(A_SI, take<__m256i>(o.b), I)))
SRV_IMMEDIATE(extractf32x8_ps, give(o, _mm512_extractf32x8_ps(A_PS, I)))
SRV_IMMEDIATE(slli_epi32, give(o, _mm512_slli_epi32(A_SI, I)))
SRV_IMMEDIATE(srli_epi32, give(o, _mm512_srli_epi32(A_SI, I)))
SRV_IMMEDIATE(srli_epi16, give(o, _mm512_srli_epi16(A_SI, I)))

#define SRV_LINE(name) {"_mm512_" #name, -1, kAvx512, &name},
#define SRV_AT(name, i) {"_mm512_" #name, i, kAvx512, &name<i>},
#define SRV_FROM_4(name, i) SRV_AT(name, i) SRV_AT(name, i + 1) SRV_AT(name, i + 2) SRV_AT(name, i + 3)
#define SRV_FROM_16(name, i) SRV_FROM_4(name, i) SRV_FROM_4(name, i + 4) SRV_FROM_4(name, i + 8) SRV_FROM_4(name, i + 12)

// Rounding upwards and the like is at 0 … 3 by itself, at 4 … 7 by the control register; from 8 on nothing is raised.
const Entry kEntries[] = {
    SRV_LINE(setzero_ps) SRV_LINE(set1_ps) SRV_LINE(set1_epi8) SRV_LINE(set1_epi32) SRV_LINE(broadcast_i32x4) SRV_LINE(loadu_ps) SRV_LINE(loadu_si512) SRV_LINE(maskz_loadu_ps)
    SRV_LINE(storeu_ps) SRV_LINE(storeu_si512) SRV_LINE(mask_storeu_ps) SRV_LINE(add_ps) SRV_LINE(sub_ps) SRV_LINE(mul_ps) SRV_LINE(div_ps) SRV_LINE(max_ps) SRV_LINE(min_ps)
    SRV_LINE(fmadd_ps) SRV_LINE(cvtps_epi32) SRV_LINE(cvtepi32_ps) SRV_LINE(cvtepu16_epi32) SRV_LINE(cvtepi8_epi32) SRV_LINE(cvtepi32_epi16) SRV_LINE(cvtsepi32_epi8)
    SRV_LINE(add_epi32) SRV_LINE(and_si512) SRV_LINE(or_si512) SRV_LINE(shuffle_epi8) SRV_LINE(mask_blend_ps) SRV_LINE(mask_blend_epi32) SRV_LINE(castps_si512)
    SRV_LINE(castsi512_ps) SRV_LINE(castps512_ps256) SRV_LINE(castsi256_si512)
    {"_mm512_dpbusd_epi32", -1, kAvx512Vnni, &dpbusd_epi32}, {"_mm256_dpbusd_avx_epi32", -1, kAvxVnni, &dpbusd_avx_epi32}, {"_mm512_dpbf16_ps", -1, kAvx512Bf16, &dpbf16_ps},
    SRV_AT(inserti64x4, 0) SRV_AT(inserti64x4, 1) SRV_AT(extractf32x8_ps, 0) SRV_AT(extractf32x8_ps, 1)
    SRV_AT(slli_epi32, 0) SRV_AT(slli_epi32, 16) SRV_AT(slli_epi32, 23) SRV_AT(slli_epi32, 31) SRV_AT(slli_epi32, 32)
    SRV_AT(srli_epi32, 0) SRV_AT(srli_epi32, 16) SRV_AT(srli_epi32, 31) SRV_AT(srli_epi32, 32) SRV_AT(srli_epi16, 0) SRV_AT(srli_epi16, 4) SRV_AT(srli_epi16, 15) SRV_AT(srli_epi16, 16)
    SRV_FROM_16(roundscale_ps, 0) SRV_FROM_16(cmp_ps_mask, 0) SRV_FROM_16(cmp_ps_mask, 16)
};

}  // namespace

const Table kTable = {kEntries, static_cast<int>(sizeof kEntries / sizeof kEntries[0])};

}  // namespace srv_table::SRV_TABLE_NAMESPACE
