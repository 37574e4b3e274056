// What every kernel builds on: reductions across lanes, exp, activations in the form that products read.

SRV_INLINE float sum_half(__m256 x) {
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

SRV_INLINE float max_half(__m256 x) {
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

// The sum of all lanes: lane i with i + 8, then 4, 2, 1.
SRV_INLINE float sum_lanes(Vector x) { return sum_half(_mm256_add_ps(lower(x), upper(x))); }
SRV_INLINE float max_lanes(Vector x) { return max_half(_mm256_max_ps(lower(x), upper(x))); }

SRV_INLINE float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

// e^x within 2 ulp for x in -87.3 … 88; 0 below, the value at 88.02 above. x = n ln 2 + r with |r| ≤ ln 2 / 2, e^r by its Taylor polynomial of degree 7
// (remainder below 2^-26 of the result), times 2^n.
SRV_INLINE Vector exponential(Vector x) {
    const Vector clamped = smaller(larger(x, splat(-87.3f)), splat(88.02f));
    const Vector n = nearest(mul(clamped, splat(1.44269504f)));
    // ln 2 in two parts: n times the first is exact for every n that occurs.
    Vector r = fma(n, splat(-0.693359375f), clamped);
    r = fma(n, splat(2.12194440e-4f), r);
    Vector p = splat(1.0f / 5040);
    p = fma(p, r, splat(1.0f / 720));
    p = fma(p, r, splat(1.0f / 120));
    p = fma(p, r, splat(1.0f / 24));
    p = fma(p, r, splat(1.0f / 6));
    p = fma(p, r, splat(0.5f));
    p = fma(p, r, splat(1.0f));
    p = fma(p, r, splat(1.0f));
    return where_less(x, splat(-87.3f), zero(), mul(p, power_of_two(n)));
}

SRV_INLINE float exponential(float x) {
    float lanes[kLanes];
    store(lanes, exponential(splat(x)));
    return lanes[0];
}

// cap tanh(x / cap) as cap (1 - 2 / (1 + e^(2x / cap))).
SRV_INLINE Vector capped(Vector x, float cap) {
    const Vector one = splat(1.0f);
    const Vector two = splat(2.0f);
    return mul(splat(cap), sub(one, div(two, add(one, exponential(mul(div(x, splat(cap)), two))))));
}

SRV_INLINE float widen(float x) { return x; }
SRV_INLINE float widen(uint16_t x) {
    const uint32_t bits = static_cast<uint32_t>(x) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

SRV_INLINE uint32_t bits_of(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

SRV_INLINE uint16_t narrow(float x) {
    const uint32_t bits = bits_of(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
        return static_cast<uint16_t>((bits >> 16) | 0x40);
    }

    return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

// The integer of input k and an output in a block of 64 inputs; the layout is integer/integer.h's.
SRV_INLINE int integer_of(const uint8_t* block, int format, int k, int lane) {
    if (format == SRV_FORMAT_INT8) {
        return block[k / 4 * 64 + lane * 4 + k % 4] - kInt8Offset;
    }

    const int quad = k % kGroup / 4;
    const int pair = block[(k / kGroup * 4 + quad % 4) * 64 + lane * 4 + k % 4];
    const int code = quad < 4 ? pair & 15 : pair >> 4;
    return number_of(format, code);
}

// Activations are rounded floats where products are chains of fp32 FMAs, and bf16 elsewhere.
SRV_INLINE void store_rounded(float* p, Vector x) { store(p, round_bf16(x)); }
SRV_INLINE void store_rounded(uint16_t* p, Vector x) { store_bf16(p, x); }
SRV_INLINE Vector load_activation(const float* p) { return load(p); }
SRV_INLINE Vector load_activation(const uint16_t* p) { return load_bf16(p); }

// Copies count floats that are already rounded into an activation row.
SRV_INLINE void store_rounded_first(float* p, Vector x, int count) { store_first(p, round_bf16(x), count); }
SRV_INLINE void store_rounded_first(uint16_t* p, Vector x, int count) {
    uint16_t lanes[kLanes];
    store_bf16(lanes, x);
    __builtin_memcpy(p, lanes, static_cast<size_t>(count) * sizeof *p);
}
