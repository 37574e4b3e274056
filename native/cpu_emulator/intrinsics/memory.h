// Loads and stores. What a mask leaves out is neither read nor written, and may lie where no memory is.
#pragma once
#include "registers.h"

namespace srv_emulated {

SRV_EMULATED M512 mm512_loadu_ps(const void* p) {
    const float* from = static_cast<const float*>(p);
    return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

SRV_EMULATED void mm512_storeu_ps(void* p, M512 x) {
    float* to = static_cast<float*>(p);
    _mm256_storeu_ps(to, x.lower);
    _mm256_storeu_ps(to + 8, x.upper);
}

SRV_EMULATED M512i mm512_loadu_si512(const void* p) {
    const __m256i* from = static_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}

SRV_EMULATED void mm512_storeu_si512(void* p, M512i x) {
    __m256i* to = static_cast<__m256i*>(p);
    _mm256_storeu_si256(to, x.lower);
    _mm256_storeu_si256(to + 1, x.upper);
}

SRV_EMULATED M512 mm512_maskz_loadu_ps(__mmask16 mask, const void* p) {
    const float* from = static_cast<const float*>(p);
    return {_mm256_maskload_ps(from, dwords_of(mask)), _mm256_maskload_ps(from + 8, dwords_of(mask >> 8))};
}

SRV_EMULATED void mm512_mask_storeu_ps(void* p, __mmask16 mask, M512 x) {
    float* to = static_cast<float*>(p);
    _mm256_maskstore_ps(to, dwords_of(mask), x.lower);
    _mm256_maskstore_ps(to + 8, dwords_of(mask >> 8), x.upper);
}

}  // namespace srv_emulated
