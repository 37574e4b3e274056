// Sixteen floats in one zmm register. Every operation here has the same result, lane by lane, as its twin in vector_avx2.h.
// No include guard: each instruction set's translation unit includes this once, inside its own namespace.

struct Vector {
    __m512 v;
};

// Rows × panels of a register tile: accumulators that leave room for weights and a broadcast.
constexpr int kTileVectors = 24;
constexpr int kTileRows = 12;
constexpr int kDeltaVectors = 16;
constexpr int kDeltaRows = 6;

SRV_INLINE Vector zero() { return {_mm512_setzero_ps()}; }
SRV_INLINE Vector splat(float x) { return {_mm512_set1_ps(x)}; }
SRV_INLINE Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
SRV_INLINE void store(float* p, Vector x) { _mm512_storeu_ps(p, x.v); }
SRV_INLINE __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
SRV_INLINE Vector load_first(const float* p, int count) { return {_mm512_maskz_loadu_ps(first_lanes(count), p)}; }
SRV_INLINE void store_first(float* p, Vector x, int count) { _mm512_mask_storeu_ps(p, first_lanes(count), x.v); }
SRV_INLINE Vector add(Vector a, Vector b) { return {_mm512_add_ps(a.v, b.v)}; }
SRV_INLINE Vector sub(Vector a, Vector b) { return {_mm512_sub_ps(a.v, b.v)}; }
SRV_INLINE Vector mul(Vector a, Vector b) { return {_mm512_mul_ps(a.v, b.v)}; }
SRV_INLINE Vector div(Vector a, Vector b) { return {_mm512_div_ps(a.v, b.v)}; }
SRV_INLINE Vector larger(Vector a, Vector b) { return {_mm512_max_ps(a.v, b.v)}; }
SRV_INLINE Vector smaller(Vector a, Vector b) { return {_mm512_min_ps(a.v, b.v)}; }
SRV_INLINE Vector fma(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
SRV_INLINE Vector nearest(Vector a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }

// 2^n for integral n in -126 … 127.
SRV_INLINE Vector power_of_two(Vector n) {
    const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23))};
}

// a < b ? x : y
SRV_INLINE Vector where_less(Vector a, Vector b, Vector x, Vector y) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), y.v, x.v)};
}

// Lane i of x where bit i is set, of y elsewhere.
SRV_INLINE Vector where_bits(uint32_t bits, Vector x, Vector y) { return {_mm512_mask_blend_ps(static_cast<__mmask16>(bits), y.v, x.v)}; }

// The first count lanes of x, the rest of fill.
SRV_INLINE Vector keep_first(Vector x, int count, Vector fill) {
    return {_mm512_mask_blend_ps(first_lanes(count), fill.v, x.v)};
}

// Sixteen pairs of bf16 as they lie in memory.
struct RawPairs {
    __m512i v;
};

SRV_INLINE RawPairs load_raw(const uint16_t* p) { return {_mm512_loadu_si512(p)}; }

// Eight pairs from each of two places.
SRV_INLINE RawPairs load_raw(const uint16_t* a, const uint16_t* b) {
    const __m512i low = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)));
    return {_mm512_inserti64x4(low, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)), 1)};
}

SRV_INLINE Vector even_of(RawPairs raw) { return {_mm512_castsi512_ps(_mm512_slli_epi32(raw.v, 16))}; }
SRV_INLINE Vector odd_of(RawPairs raw) { return {_mm512_castsi512_ps(_mm512_and_si512(raw.v, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))))}; }

// Rounded to nearest even to bf16, kept as floats; NaN stays a quiet NaN.
SRV_INLINE __m512i rounded_bits(Vector x) {
    const __m512i bits = _mm512_castps_si512(x.v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    const __mmask16 nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    return _mm512_and_si512(_mm512_mask_blend_epi32(nan, rounded, quiet), _mm512_set1_epi32(static_cast<int>(0xFFFF0000u)));
}

SRV_INLINE Vector round_bf16(Vector x) { return {_mm512_castsi512_ps(rounded_bits(x))}; }

SRV_INLINE Vector load_bf16(const uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

SRV_INLINE void store_bf16(uint16_t* p, Vector x) {
    const __m512i high = _mm512_srli_epi32(rounded_bits(x), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(high));
}

// Sixteen whole numbers of -128 … 127 as bytes.
SRV_INLINE void store_int8(int8_t* p, Vector x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.v))); }

// Sixteen bytes as floats.
SRV_INLINE Vector load_int8(const int8_t* p) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))}; }

// Floats that are bf16 already, as pairs in memory.
SRV_INLINE RawPairs raw_of(Vector even, Vector odd) { return {_mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(even.v), 16), _mm512_castps_si512(odd.v))}; }
SRV_INLINE void store_raw(uint16_t* p, RawPairs x) { _mm512_storeu_si512(p, x.v); }

// The halves, for the trees that reduce across lanes.
SRV_INLINE __m256 lower(Vector x) { return _mm512_castps512_ps256(x.v); }
SRV_INLINE __m256 upper(Vector x) { return _mm512_extractf32x8_ps(x.v, 1); }
