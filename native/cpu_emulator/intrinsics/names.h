// The compiler's names, which stand for the emulation from here on. Those with an immediate are templates, as the instruction holds it.
#pragma once

#undef __m512
#define __m512 srv_emulated::M512
#undef __m512i
#define __m512i srv_emulated::M512i
#undef __m512bh
#define __m512bh srv_emulated::M512bh

#undef _mm512_setzero_ps
#define _mm512_setzero_ps srv_emulated::mm512_setzero_ps
#undef _mm512_set1_ps
#define _mm512_set1_ps srv_emulated::mm512_set1_ps
#undef _mm512_set1_epi8
#define _mm512_set1_epi8 srv_emulated::mm512_set1_epi8
#undef _mm512_set1_epi32
#define _mm512_set1_epi32 srv_emulated::mm512_set1_epi32
#undef _mm512_loadu_ps
#define _mm512_loadu_ps srv_emulated::mm512_loadu_ps
#undef _mm512_storeu_ps
#define _mm512_storeu_ps srv_emulated::mm512_storeu_ps
#undef _mm512_loadu_si512
#define _mm512_loadu_si512 srv_emulated::mm512_loadu_si512
#undef _mm512_storeu_si512
#define _mm512_storeu_si512 srv_emulated::mm512_storeu_si512
#undef _mm512_maskz_loadu_ps
#define _mm512_maskz_loadu_ps srv_emulated::mm512_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#define _mm512_mask_storeu_ps srv_emulated::mm512_mask_storeu_ps
#undef _mm512_add_ps
#define _mm512_add_ps srv_emulated::mm512_add_ps
#undef _mm512_sub_ps
#define _mm512_sub_ps srv_emulated::mm512_sub_ps
#undef _mm512_mul_ps
#define _mm512_mul_ps srv_emulated::mm512_mul_ps
#undef _mm512_div_ps
#define _mm512_div_ps srv_emulated::mm512_div_ps
#undef _mm512_max_ps
#define _mm512_max_ps srv_emulated::mm512_max_ps
#undef _mm512_min_ps
#define _mm512_min_ps srv_emulated::mm512_min_ps
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps srv_emulated::mm512_fmadd_ps
#undef _mm512_cvtps_epi32
#define _mm512_cvtps_epi32 srv_emulated::mm512_cvtps_epi32
#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps srv_emulated::mm512_cvtepi32_ps
#undef _mm512_cvtepu16_epi32
#define _mm512_cvtepu16_epi32 srv_emulated::mm512_cvtepu16_epi32
#undef _mm512_cvtepi8_epi32
#define _mm512_cvtepi8_epi32 srv_emulated::mm512_cvtepi8_epi32
#undef _mm512_cvtepi32_epi16
#define _mm512_cvtepi32_epi16 srv_emulated::mm512_cvtepi32_epi16
#undef _mm512_cvtsepi32_epi8
#define _mm512_cvtsepi32_epi8 srv_emulated::mm512_cvtsepi32_epi8
#undef _mm512_add_epi32
#define _mm512_add_epi32 srv_emulated::mm512_add_epi32
#undef _mm512_and_si512
#define _mm512_and_si512 srv_emulated::mm512_and_si512
#undef _mm512_or_si512
#define _mm512_or_si512 srv_emulated::mm512_or_si512
#undef _mm512_slli_epi32
#define _mm512_slli_epi32 srv_emulated::mm512_slli_epi32
#undef _mm512_srli_epi32
#define _mm512_srli_epi32 srv_emulated::mm512_srli_epi32
#undef _mm512_srli_epi16
#define _mm512_srli_epi16 srv_emulated::mm512_srli_epi16
#undef _mm512_shuffle_epi8
#define _mm512_shuffle_epi8 srv_emulated::mm512_shuffle_epi8
#undef _mm512_mask_blend_ps
#define _mm512_mask_blend_ps srv_emulated::mm512_mask_blend_ps
#undef _mm512_mask_blend_epi32
#define _mm512_mask_blend_epi32 srv_emulated::mm512_mask_blend_epi32
#undef _mm512_castps_si512
#define _mm512_castps_si512 srv_emulated::mm512_castps_si512
#undef _mm512_castsi512_ps
#define _mm512_castsi512_ps srv_emulated::mm512_castsi512_ps
#undef _mm512_castps512_ps256
#define _mm512_castps512_ps256 srv_emulated::mm512_castps512_ps256
#undef _mm512_castsi256_si512
#define _mm512_castsi256_si512 srv_emulated::mm512_castsi256_si512
#undef _mm512_broadcast_i32x4
#define _mm512_broadcast_i32x4 srv_emulated::mm512_broadcast_i32x4
#undef _mm512_dpbusd_epi32
#define _mm512_dpbusd_epi32 srv_emulated::mm512_dpbusd_epi32
#undef _mm512_dpbf16_ps
#define _mm512_dpbf16_ps srv_emulated::mm512_dpbf16_ps
#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 srv_emulated::mm256_dpbusd_avx_epi32

#undef _mm512_roundscale_ps
#define _mm512_roundscale_ps(a, immediate) srv_emulated::mm512_roundscale_ps<(immediate)>(a)
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask(a, b, immediate) srv_emulated::mm512_cmp_ps_mask<(immediate)>(a, b)
#undef _mm512_inserti64x4
#define _mm512_inserti64x4(a, b, immediate) srv_emulated::mm512_inserti64x4<(immediate)>(a, b)
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps(a, immediate) srv_emulated::mm512_extractf32x8_ps<(immediate)>(a)
