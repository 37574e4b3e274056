// Arithmetic and conversions of integers.
#pragma once
#include "floats.h"

namespace srv_emulated {

SRV_EMULATED M512i mm512_add_epi32(M512i a, M512i b) { return {_mm256_add_epi32(a.lower, b.lower), _mm256_add_epi32(a.upper, b.upper)}; }
SRV_EMULATED M512i mm512_and_si512(M512i a, M512i b) { return {_mm256_and_si256(a.lower, b.lower), _mm256_and_si256(a.upper, b.upper)}; }
SRV_EMULATED M512i mm512_or_si512(M512i a, M512i b) { return {_mm256_or_si256(a.lower, b.lower), _mm256_or_si256(a.upper, b.upper)}; }

// Nothing is left of an element that is shifted by its width or more.
SRV_EMULATED M512i mm512_slli_epi32(M512i a, unsigned by) { return {_mm256_slli_epi32(a.lower, static_cast<int>(by)), _mm256_slli_epi32(a.upper, static_cast<int>(by))}; }
SRV_EMULATED M512i mm512_srli_epi32(M512i a, unsigned by) { return {_mm256_srli_epi32(a.lower, static_cast<int>(by)), _mm256_srli_epi32(a.upper, static_cast<int>(by))}; }
SRV_EMULATED M512i mm512_srli_epi16(M512i a, unsigned by) { return {_mm256_srli_epi16(a.lower, static_cast<int>(by)), _mm256_srli_epi16(a.upper, static_cast<int>(by))}; }

// Within each sixteen bytes; 0 where an index has its highest bit set.
SRV_EMULATED M512i mm512_shuffle_epi8(M512i a, M512i by) { return {_mm256_shuffle_epi8(a.lower, by.lower), _mm256_shuffle_epi8(a.upper, by.upper)}; }

SRV_EMULATED M512i mm512_mask_blend_epi32(__mmask16 mask, M512i a, M512i b) { return mm512_castps_si512(mm512_mask_blend_ps(mask, mm512_castsi512_ps(a), mm512_castsi512_ps(b))); }

SRV_EMULATED M512i mm512_cvtepu16_epi32(__m256i a) { return {_mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)), _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1))}; }
SRV_EMULATED M512i mm512_cvtepi8_epi32(__m128i a) { return {_mm256_cvtepi8_epi32(a), _mm256_cvtepi8_epi32(_mm_srli_si128(a, 8))}; }

// AVX2 packs within halves; this puts the quarters in order.
SRV_EMULATED __m256i in_order(__m256i packed) { return _mm256_permute4x64_epi64(packed, 0xD8); }

// The lower half of each dword.
SRV_EMULATED __m256i mm512_cvtepi32_epi16(M512i a) {
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    return in_order(_mm256_packus_epi32(_mm256_and_si256(a.lower, mask), _mm256_and_si256(a.upper, mask)));
}

// Held to -128 … 127: to a word first, then to a byte, which is the same.
SRV_EMULATED __m128i mm512_cvtsepi32_epi8(M512i a) {
    const __m256i words = in_order(_mm256_packs_epi32(a.lower, a.upper));
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

}  // namespace srv_emulated
