// Sixteen lanes in two ymm registers, but for the products of integers.

struct Vector {
    __m256 a;
    __m256 b;
};

struct Integers {
    __m256i a;
    __m256i b;
};

using Line = Integers;  // 64 bytes of weights, 4 of each output

INLINE Vector zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
INLINE void store(float* p, Vector x) {
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}

INLINE Integers splat(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
INLINE Line load_line(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}

INLINE Vector load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void store_line(uint8_t* p, Line x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), x.b);
}

INLINE Line lower_nibbles(Line x) {
    const __m256i mask = _mm256_set1_epi8(15);
    return {_mm256_and_si256(x.a, mask), _mm256_and_si256(x.b, mask)};
}

INLINE Line upper_nibbles(Line x) { return lower_nibbles({_mm256_srli_epi16(x.a, 4), _mm256_srli_epi16(x.b, 4)}); }

INLINE Line looked_up(Line codes, const uint8_t* table) {
    const __m256i numbers = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
    return {_mm256_shuffle_epi8(numbers, codes.a), _mm256_shuffle_epi8(numbers, codes.b)};
}

INLINE __m256 widened(const uint8_t* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}

INLINE Vector load_scales(const uint8_t* p) { return {widened(p), widened(p + 16)}; }

INLINE Vector add_offsets(Vector offsets, float input_sum, Vector sum) {
    const __m256 by = _mm256_set1_ps(input_sum);
    return {_mm256_fmadd_ps(by, offsets.a, sum.a), _mm256_fmadd_ps(by, offsets.b, sum.b)};
}

INLINE Vector scaled_add(Integers dot, Vector weight_scales, float input_scale, Vector sum) {
    const __m256 scale = _mm256_set1_ps(input_scale);
    return {_mm256_fmadd_ps(_mm256_cvtepi32_ps(dot.a), _mm256_mul_ps(weight_scales.a, scale), sum.a),
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot.b), _mm256_mul_ps(weight_scales.b, scale), sum.b)};
}
