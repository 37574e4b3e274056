// AVX2 has no dot product of bytes that adds in 32 bits.
//
// Four bits: VPMADDUBSW adds two products of an unsigned and a signed byte in 16 bits. |x| is at most 127, so that with numbers below 16 two products are at most
// 2 · 15 · 127 = 3,810, and the eight such pairs that a group of 32 inputs brings to a sum 30,480: they are added in 16 bits and widened once a group. MXFP4's numbers
// are below 25: two products are at most 6,096, four pairs 24,384, and sums are widened twice. Nothing is saturated or lost: the dot product is exact.
//
// Eight bits, and IQ4, whose codes stand for integers of eight: bytes are taken as pairs of 16 bits, even and odd ones, the inputs once for all panels.
#include "integer.h"

#include <cstddef>
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

namespace serving::integer_avx2 {

#include "vectors_256.h"

constexpr int kMostRows = 4;             // of a register tile: eight sums, beside them weights, an input and a product
constexpr int kStretchRows = 48;         // whose inputs are taken together
constexpr int kStretchBytes = (24 << 10);  // of inputs that are taken at once: they stay in the first cache while all panels meet them

// The inputs of a register tile's rows, in bytes or in 16 bits.
template <int Rows>
struct TileRows {
    const uint8_t* of[Rows];
};

template <int Rows>
struct Sums {
    Integers of[Rows];
};

// Four bytes in every lane, asked for where they are used: a compiler that orders it itself keeps all rows' inputs at once and the sums in memory.
INLINE __m256i quad_here(const uint8_t* p) {
    __m256i quad;
    __asm__ volatile("vpbroadcastd %1, %0" : "=x"(quad) : "m"(*reinterpret_cast<const int32_t*>(p)));
    return quad;
}

INLINE void keep(Integers& sum) { __asm__ volatile("" : "+x"(sum.a), "+x"(sum.b)); }

struct OfBytes {
    INLINE __m256i add(__m256i weights, __m256i inputs, __m256i sum) { return _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, inputs)); }
};

struct OfWords {
    INLINE __m256i add(__m256i weights, __m256i inputs, __m256i sum) { return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, inputs)); }
};

template <typename Products, int Rows>
INLINE void add_quad(const Line& weights, const TileRows<Rows>& x, int64_t at, Sums<Rows>& sum) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; r++) {
        const __m256i inputs = quad_here(x.of[r] + at);
        sum.of[r] = {Products::add(weights.a, inputs, sum.of[r].a), Products::add(weights.b, inputs, sum.of[r].b)};
        keep(sum.of[r]);
    }
}

template <int Rows>
INLINE void widen(const Sums<Rows>& words, Sums<Rows>& dots) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (int r = 0; r < Rows; r++) {
        dots.of[r] = {_mm256_add_epi32(dots.of[r].a, _mm256_madd_epi16(words.of[r].a, ones)), _mm256_add_epi32(dots.of[r].b, _mm256_madd_epi16(words.of[r].b, ones))};
    }
}

struct Int4Format {
    static constexpr int kHeaderBytes = kScaleBytes;
    static constexpr int kBytes = kInt4Bytes;
    static constexpr int kInputBytes = 1;
    static constexpr int kWidened = 1;  // times a group
    INLINE Line lower(Line packed) { return lower_nibbles(packed); }
    INLINE Line upper(Line packed) { return upper_nibbles(packed); }
    INLINE void take(const int8_t* from, int count, uint8_t* to) { __builtin_memcpy(to, from, static_cast<size_t>(count)); }
};

struct Mxfp4Format : Int4Format {
    static constexpr int kWidened = 2;
    INLINE Line lower(Line packed) { return looked_up(lower_nibbles(packed), kMxfp4Numbers); }
    INLINE Line upper(Line packed) { return looked_up(upper_nibbles(packed), kMxfp4Numbers); }
};

struct Int4AsymmetricFormat : Int4Format {
    static constexpr int kHeaderBytes = kScaleBytes + kOffsetBytes;
};

struct Int8Format {
    static constexpr int kHeaderBytes = kScaleBytes;
    static constexpr int kBytes = kInt8Bytes;
    static constexpr int kInputBytes = 2;
    static constexpr int kLines = 8;  // of a group

    // Quads as 16 bits: even inputs, then odd ones.
    INLINE void take(const int8_t* from, int count, uint8_t* to) {
        for (int i = 0; i < count; i += 16, to += 32) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
            const __m128i even = _mm_srai_epi16(_mm_slli_epi16(bytes, 8), 8);
            const __m128i odd = _mm_srai_epi16(bytes, 8);
            _mm_store_si128(reinterpret_cast<__m128i*>(to), _mm_unpacklo_epi32(even, odd));
            _mm_store_si128(reinterpret_cast<__m128i*>(to + 16), _mm_unpackhi_epi32(even, odd));
        }
    }
};

struct Iq4Format : Int8Format {
    static constexpr int kBytes = kInt4Bytes;
    static constexpr int kLines = 4;
};

INLINE Line line_ahead(const uint8_t* line, int64_t ahead) {
    _mm_prefetch(reinterpret_cast<const char*>(line + ahead), _MM_HINT_T1);
    return load_line(line);
}

// Adds a quad's products, its weights in bytes and its inputs in 16 bits.
template <int Rows>
INLINE void add_bytes(Line bytes, const TileRows<Rows>& x, int64_t at, Sums<Rows>& dots) {
    const __m256i mask = _mm256_set1_epi16(255);
    add_quad<OfWords, Rows>({_mm256_and_si256(bytes.a, mask), _mm256_and_si256(bytes.b, mask)}, x, at, dots);
    add_quad<OfWords, Rows>({_mm256_srli_epi16(bytes.a, 8), _mm256_srli_epi16(bytes.b, 8)}, x, at + 4, dots);
}

// Adds a group's products, weights and inputs from `lines` and `at` on.
template <typename Format, int Rows>
INLINE void add_group(const uint8_t* lines, const TileRows<Rows>& x, int64_t at, int64_t ahead, Sums<Rows>& dots) {
    if constexpr (Format::kInputBytes == 2) {
#pragma GCC unroll 8
        for (int line = 0; line < Format::kLines; line++) {
            const Line packed = line_ahead(lines + line * 64, ahead);
            if constexpr (Format::kLines == 8) {
                add_bytes<Rows>(packed, x, at + line * 8, dots);
            } else {
                add_bytes<Rows>(looked_up(lower_nibbles(packed), kIq4Numbers), x, at + line * 8, dots);
                add_bytes<Rows>(looked_up(upper_nibbles(packed), kIq4Numbers), x, at + (line + 4) * 8, dots);
            }
        }
    } else {
        constexpr int kLines = 4 / Format::kWidened;
#pragma GCC unroll 2
        for (int part = 0; part < Format::kWidened; part++) {
            Sums<Rows> words;
            for (int r = 0; r < Rows; r++) {
                words.of[r] = splat(0);
            }

#pragma GCC unroll 4
            for (int line = part * kLines; line < (part + 1) * kLines; line++) {
                const Line packed = line_ahead(lines + line * 64, ahead);
                add_quad<OfBytes, Rows>(Format::lower(packed), x, at + line * 4, words);
                add_quad<OfBytes, Rows>(Format::upper(packed), x, at + (line + 4) * 4, words);
            }

            widen<Rows>(words, dots);
        }
    }
}

// What the inputs of a register tile's rows have by group; rows are `groups` apart.
struct InputGroups {
    const float* scales;
    const float* sums;
    const int32_t* starts;
    int64_t groups;
};

// Some rows times one panel, added to c.
template <typename Format, int Rows>
static void multiply_tile(const uint8_t* first, int64_t x_stride, const InputGroups& inputs, const uint8_t* w, int blocks, float* c, int c_stride, int64_t ahead) {
    TileRows<Rows> x;
    for (int r = 0; r < Rows; r++) {
        x.of[r] = first + r * x_stride;
    }

    for (int g = 0; g < 2 * blocks; g++) {
        const uint8_t* block = w + g / 2 * int64_t{Format::kHeaderBytes + Format::kBytes};
        Sums<Rows> dots;
        for (int r = 0; r < Rows; r++) {
            dots.of[r] = splat(inputs.starts[r * inputs.groups + g]);
        }

        add_group<Format, Rows>(block + Format::kHeaderBytes + g % 2 * (Format::kBytes / 2), x, g * int64_t{kGroup * Format::kInputBytes}, ahead, dots);
        const Vector weight_scales = load_scales(block + g % 2 * (kScaleBytes / 2));
        for (int r = 0; r < Rows; r++) {
            float* sum = c + r * c_stride;
            Vector next = scaled_add(dots.of[r], weight_scales, inputs.scales[r * inputs.groups + g], load(sum));
            if constexpr (Format::kHeaderBytes > kScaleBytes) {
                next = add_offsets(load_scales(block + kScaleBytes + g % 2 * (kOffsetBytes / 2)), inputs.sums[r * inputs.groups + g], next);
            }

            store(sum, next);
        }
    }
}

using MultiplyTile = void (*)(const uint8_t*, int64_t, const InputGroups&, const uint8_t*, int, float*, int, int64_t);

template <typename Format>
static MultiplyTile tile_of(int rows) {
    switch (rows) {
    case 1: return &multiply_tile<Format, 1>;
    case 2: return &multiply_tile<Format, 2>;
    case 3: return &multiply_tile<Format, 3>;
    default: return &multiply_tile<Format, kMostRows>;
    }
}

// Rows over some blocks of some panels, from `first_row` and `first_block` on; `inputs` are the rows' in these blocks, side by side.
struct Stretch {
    const uint8_t* inputs;
    int first_row;
    int rows;
    int first_block;
    int blocks;
};

// Tiles of nearly one size, panel by panel; the first fetches the next panel for all.
template <typename Format>
static void multiply_stretch(const IntegerRows& x, const Stretch& stretch, const uint8_t* const* w, int panels, float* c, int c_stride, int64_t panel_stride) {
    const int tiles = (stretch.rows + kMostRows - 1) / kMostRows;
    const int64_t row_bytes = int64_t{stretch.blocks} * kBlockInputs * Format::kInputBytes;
    for (int j = 0; j < panels; j++) {
        const uint8_t* panel = w[j] + stretch.first_block * int64_t{Format::kHeaderBytes + Format::kBytes};
        for (int tile = 0, row = 0; tile < tiles; tile++) {
            const int count = (stretch.rows - row) / (tiles - tile);
            const int64_t group = int64_t{stretch.first_row + row} * x.groups + 2 * stretch.first_block;
            const InputGroups groups{x.scales + group, x.sums + group, x.starts + group, x.groups};
            tile_of<Format>(count)(stretch.inputs + row * row_bytes, row_bytes, groups, panel, stretch.blocks, c + row * c_stride + j * 16, c_stride, tile == 0 ? panel_stride : 0);
            row += count;
        }
    }
}

// As many blocks at once as the inputs of so many rows leave room for.
template <typename Format>
static void multiply_rows(const IntegerRows& x, int first, int rows, const uint8_t* const* w, int panels, int blocks, float* c, int c_stride, int64_t panel_stride) {
    constexpr int kBlockBytes = kBlockInputs * Format::kInputBytes;
    alignas(64) uint8_t inputs[kStretchBytes];
    const int most = kStretchBytes / (rows * kBlockBytes);
    for (int from = 0; from < blocks; from += most) {
        const int length = blocks - from < most ? blocks - from : most;
        for (int r = 0; r < rows; r++) {
            Format::take(x.values + int64_t{first + r} * x.stride + from * kBlockInputs, length * kBlockInputs, inputs + r * length * kBlockBytes);
        }

        multiply_stretch<Format>(x, Stretch{inputs, first, rows, from, length}, w, panels, c, c_stride, panel_stride);
    }
}

template <typename Format>
static void multiply(const IntegerRows& x, int first, int rows, const uint8_t* const* w, int panels, int blocks, float* c, int c_stride, int64_t panel_stride) {
    for (int row = 0; row < rows; row++) {
        for (int j = 0; j < panels; j++) {
            store(c + row * c_stride + j * 16, zero());
        }
    }

    for (int row = 0; row < rows; row += kStretchRows) {
        multiply_rows<Format>(x, first + row, rows - row < kStretchRows ? rows - row : kStretchRows, w, panels, blocks, c + row * c_stride, c_stride, panel_stride);
    }
}

extern const IntegerKernels kKernels;
const IntegerKernels kKernels = {&multiply<Int8Format>, &multiply<Int4Format>, &multiply<Mxfp4Format>, &multiply<Iq4Format>, &multiply<Int4AsymmetricFormat>};

}  // namespace serving::integer_avx2
