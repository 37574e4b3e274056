// Sixteen floats in two ymm registers. Every operation here has the same result, lane by lane, as its twin in vector_avx512.h.
// No include guard: each instruction set's translation unit includes this once, inside its own namespace.

struct Vector {
    __m256 a;
    __m256 b;
};

// Rows × panels of a register tile: accumulators that leave room for weights and a broadcast.
constexpr int kTileVectors = 6;
constexpr int kTileRows = 6;
constexpr int kDeltaVectors = 4;
constexpr int kDeltaRows = 4;

SRV_INLINE Vector zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
SRV_INLINE Vector splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
SRV_INLINE Vector load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
SRV_INLINE void store(float* p, Vector x) {
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}

SRV_INLINE __m256i first_lanes(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

SRV_INLINE Vector load_first(const float* p, int count) {
    return {_mm256_maskload_ps(p, first_lanes(count)), _mm256_maskload_ps(p + 8, first_lanes(count - 8))};
}

SRV_INLINE void store_first(float* p, Vector x, int count) {
    _mm256_maskstore_ps(p, first_lanes(count), x.a);
    _mm256_maskstore_ps(p + 8, first_lanes(count - 8), x.b);
}

SRV_INLINE Vector add(Vector x, Vector y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
SRV_INLINE Vector sub(Vector x, Vector y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
SRV_INLINE Vector mul(Vector x, Vector y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
SRV_INLINE Vector div(Vector x, Vector y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
SRV_INLINE Vector larger(Vector x, Vector y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
SRV_INLINE Vector smaller(Vector x, Vector y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
SRV_INLINE Vector fma(Vector x, Vector y, Vector z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
SRV_INLINE Vector nearest(Vector x) {
    constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(x.a, mode), _mm256_round_ps(x.b, mode)};
}

SRV_INLINE __m256 power_of_two_half(__m256 n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

// 2^n for integral n in -126 … 127.
SRV_INLINE Vector power_of_two(Vector n) { return {power_of_two_half(n.a), power_of_two_half(n.b)}; }

// a < b ? x : y
SRV_INLINE Vector where_less(Vector a, Vector b, Vector x, Vector y) {
    return {_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, b.a, _CMP_LT_OQ)), _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, b.b, _CMP_LT_OQ))};
}

// Lane i of x where bit i is set, of y elsewhere.
SRV_INLINE Vector where_bits(uint32_t bits, Vector x, Vector y) {
    const __m256i all = _mm256_set1_epi32(static_cast<int>(bits));
    const __m256i low = _mm256_setr_epi32(1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7);
    const __m256i high = _mm256_slli_epi32(low, 8);
    return {_mm256_blendv_ps(y.a, x.a, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(all, low), low))),
        _mm256_blendv_ps(y.b, x.b, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(all, high), high)))};
}

// The first count lanes of x, the rest of fill.
SRV_INLINE Vector keep_first(Vector x, int count, Vector fill) {
    return {_mm256_blendv_ps(fill.a, x.a, _mm256_castsi256_ps(first_lanes(count))),
        _mm256_blendv_ps(fill.b, x.b, _mm256_castsi256_ps(first_lanes(count - 8)))};
}

// Sixteen pairs of bf16 as they lie in memory.
struct RawPairs {
    __m256i a;
    __m256i b;
};

// Eight pairs from each of two places.
SRV_INLINE RawPairs load_raw(const uint16_t* a, const uint16_t* b) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b))};
}

SRV_INLINE RawPairs load_raw(const uint16_t* p) { return load_raw(p, p + 16); }
SRV_INLINE Vector even_of(RawPairs raw) { return {_mm256_castsi256_ps(_mm256_slli_epi32(raw.a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(raw.b, 16))}; }
SRV_INLINE Vector odd_of(RawPairs raw) {
    const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xFFFF0000u));
    return {_mm256_castsi256_ps(_mm256_and_si256(raw.a, mask)), _mm256_castsi256_ps(_mm256_and_si256(raw.b, mask))};
}

SRV_INLINE __m256i rounded_half(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256 nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    const __m256i chosen = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), nan));
    return _mm256_and_si256(chosen, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u)));
}

// Rounded to nearest even to bf16, kept as floats; NaN stays a quiet NaN.
SRV_INLINE Vector round_bf16(Vector x) { return {_mm256_castsi256_ps(rounded_half(x.a)), _mm256_castsi256_ps(rounded_half(x.b))}; }

SRV_INLINE Vector load_bf16(const uint16_t* p) {
    const __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i b = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}

SRV_INLINE void store_bf16(uint16_t* p, Vector x) {
    const __m256i packed = _mm256_packus_epi32(_mm256_srli_epi32(rounded_half(x.a), 16), _mm256_srli_epi32(rounded_half(x.b), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xD8));
}

// Sixteen whole numbers of -128 … 127 as bytes.
SRV_INLINE void store_int8(int8_t* p, Vector x) {
    const __m256i pairs = _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1)));
}

// Sixteen bytes as floats.
SRV_INLINE Vector load_int8(const int8_t* p) {
    const auto half = [](const int8_t* from) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)))); };
    return {half(p), half(p + 8)};
}

// Floats that are bf16 already, as pairs in memory.
SRV_INLINE RawPairs raw_of(Vector even, Vector odd) {
    const auto half = [](__m256 low, __m256 high) { return _mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(low), 16), _mm256_castps_si256(high)); };
    return {half(even.a, odd.a), half(even.b, odd.b)};
}

SRV_INLINE void store_raw(uint16_t* p, RawPairs x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 16), x.b);
}

// The halves, for the trees that reduce across lanes.
SRV_INLINE __m256 lower(Vector x) { return x.a; }
SRV_INLINE __m256 upper(Vector x) { return x.b; }
