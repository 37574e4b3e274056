// A pair of inputs against a pair of weights: the step that every product is made of.

#if SRV_ORDER == SRV_ORDER_DOT

// Both products and the sum in one instruction.
struct Inputs {
    __m512bh v;
};

struct Weights16 {
    __m512bh v;
};

SRV_INLINE Weights16 weights_of(RawPairs raw) { return {(__m512bh)raw.v}; }
SRV_INLINE Weights16 weights_of(Vector even, Vector odd) { return weights_of(raw_of(even, odd)); }

SRV_INLINE Inputs splat_inputs(const uint16_t* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, sizeof pair);
    return {(__m512bh)_mm512_set1_epi32(pair)};
}

SRV_INLINE Vector accumulate(Inputs x, Weights16 w, Vector sum) { return {_mm512_dpbf16_ps(sum.v, x.v, w.v)}; }

#else

struct Inputs {
    Vector even;
    Vector odd;
};

struct Weights16 {
    Vector even;
    Vector odd;
};

SRV_INLINE Weights16 weights_of(RawPairs raw) { return {even_of(raw), odd_of(raw)}; }
SRV_INLINE Weights16 weights_of(Vector even, Vector odd) { return {even, odd}; }
SRV_INLINE Inputs splat_inputs(const float* p) { return {splat(p[0]), splat(p[1])}; }
SRV_INLINE Inputs splat_inputs(const uint16_t* p) { return {splat(widen(p[0])), splat(widen(p[1]))}; }
SRV_INLINE Vector accumulate(Inputs x, Weights16 w, Vector sum) { return fma(x.odd, w.odd, fma(x.even, w.even, sum)); }

#endif

// Where 16 outputs' weights come from: one panel of 16, or two rank blocks of 8. Most weights are read once per step, in stretches too short for the processor's
// own prefetcher to find them: each line asks for the one that is read next in its place, into L2, as a whole group of panels lies between and L1 would lose it.
struct PanelSource {
    static constexpr int kPointers = 1;
    SRV_MEMBER Weights16 load(const uint16_t* const* w, int pair, int64_t ahead) {
        const uint16_t* line = w[0] + pair * 2 * kLanes;
        _mm_prefetch(reinterpret_cast<const char*>(line + ahead), _MM_HINT_T1);
        return weights_of(load_raw(line));
    }
};

// Panels that are in cache already.
struct PageSource {
    static constexpr int kPointers = 1;
    SRV_MEMBER Weights16 load(const uint16_t* const* w, int pair, int64_t) { return weights_of(load_raw(w[0] + pair * 2 * kLanes)); }
};

// The same of integers: sixteen of the even input, then sixteen of the odd one.
struct IntegerPageSource {
    static constexpr int kPointers = 1;
    SRV_MEMBER Weights16 load(const uint16_t* const* w, int pair, int64_t) {
        const int8_t* line = reinterpret_cast<const int8_t*>(w[0]) + pair * 2 * kLanes;
        return weights_of(load_int8(line), load_int8(line + kLanes));
    }
};

struct BlockSource {
    static constexpr int kPointers = 2;
    SRV_MEMBER Weights16 load(const uint16_t* const* w, int pair, int64_t ahead) {
        const uint16_t* first = w[0] + pair * 2 * kCellRanks;
        const uint16_t* second = w[1] + pair * 2 * kCellRanks;
        if (pair % 2 == 0) {
            _mm_prefetch(reinterpret_cast<const char*>(first + ahead), _MM_HINT_T0);
            _mm_prefetch(reinterpret_cast<const char*>(second + ahead), _MM_HINT_T0);
        }

        return weights_of(load_raw(first, second));
    }
};

// Elements from a line of a rank block to the one that is asked for meanwhile.
constexpr int64_t kBlockAhead = 2 * kCellElements;
