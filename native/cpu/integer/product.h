// The product itself on instruction sets with a dot product of bytes, over what such a set's file defines before it includes this: Vector (16 floats) and Integers (16 sums of 32 bits) with zero, scaled_add,
// add_offsets, splat and add_products, kTileVectors and kTileRows.

// A block's integers in the formats: so many lines of 64 bytes a group, each of so many quads.
struct Int8Format {
    static constexpr int kHeaderBytes = kScaleBytes;
    static constexpr int kBytes = kInt8Bytes;
    static constexpr int kLines = 8;
    static constexpr int kQuads = 1;
};

// What formats of four bits are unpacked to where many rows meet them: a byte a code, the header as it was.
template <typename Format>
struct Unpacked : Int8Format {
    static constexpr int kHeaderBytes = Format::kHeaderBytes;
};

struct Int4Format {
    static constexpr int kHeaderBytes = kScaleBytes;
    static constexpr int kBytes = kInt4Bytes;
    static constexpr int kLines = 4;
    static constexpr int kQuads = 2;
    INLINE Line lower(Line packed) { return lower_nibbles(packed); }
    INLINE Line upper(Line packed) { return upper_nibbles(packed); }
};

struct Mxfp4Format : Int4Format {
    INLINE Line lower(Line packed) { return looked_up(lower_nibbles(packed), kMxfp4Numbers); }
    INLINE Line upper(Line packed) { return looked_up(upper_nibbles(packed), kMxfp4Numbers); }
};

struct Iq4Format : Int4Format {
    INLINE Line lower(Line packed) { return looked_up(lower_nibbles(packed), kIq4Numbers); }
    INLINE Line upper(Line packed) { return looked_up(upper_nibbles(packed), kIq4Numbers); }
};

struct Int4AsymmetricFormat : Int4Format {
    static constexpr int kHeaderBytes = kScaleBytes + kOffsetBytes;
};

// What the inputs of a register tile's rows have by group; rows are `groups` apart.
struct InputGroups {
    const float* scales;
    const float* sums;
    const int32_t* starts;
    int64_t groups;
};

// With carry the chains go on from what c holds.
template <typename Format, int Rows, int Panels>
static void multiply_tile(const int8_t* x, int64_t x_stride, const InputGroups& of, const uint8_t* const* w, int blocks, float* c, int c_stride, bool carry, int64_t ahead) {
    constexpr int64_t kBlockBytes = Format::kHeaderBytes + Format::kBytes;
    Vector sum[Rows][Panels];
    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            sum[r][j] = carry ? load(c + r * c_stride + j * 16) : zero();
        }
    }

    for (int g = 0; g < 2 * blocks; g++) {
        const int64_t at = g / 2 * kBlockBytes;
        Integers dot[Rows][Panels];
        for (int r = 0; r < Rows; r++) {
            for (int j = 0; j < Panels; j++) {
                dot[r][j] = splat(of.starts[r * of.groups + g]);
            }
        }

        for (int l = 0; l < Format::kLines; l++) {
            Line lines[Panels];
            for (int j = 0; j < Panels; j++) {
                const uint8_t* line = w[j] + at + Format::kHeaderBytes + (g % 2) * (Format::kBytes / 2) + l * 64;
                _mm_prefetch(reinterpret_cast<const char*>(line + ahead), _MM_HINT_T1);
                lines[j] = load_line(line);
            }

            for (int q = 0; q < Format::kQuads; q++) {
                Line weights[Panels];
                for (int j = 0; j < Panels; j++) {
                    if constexpr (Format::kQuads == 1) {
                        weights[j] = lines[j];
                    } else {
                        weights[j] = q == 0 ? Format::lower(lines[j]) : Format::upper(lines[j]);
                    }
                }

                for (int r = 0; r < Rows; r++) {
                    const Inputs inputs = splat_quad(x + r * x_stride + g * kGroup + (l + q * Format::kLines) * 4);
                    for (int j = 0; j < Panels; j++) {
                        dot[r][j] = add_products(weights[j], inputs, dot[r][j]);
                    }
                }
            }
        }

        for (int j = 0; j < Panels; j++) {
            const Vector weight_scales = load_scales(w[j] + at + (g % 2) * (kScaleBytes / 2));
            for (int r = 0; r < Rows; r++) {
                sum[r][j] = scaled_add(dot[r][j], weight_scales, of.scales[r * of.groups + g], sum[r][j]);
            }

            if constexpr (Format::kHeaderBytes > kScaleBytes) {
                const Vector offsets = load_scales(w[j] + at + kScaleBytes + (g % 2) * (kOffsetBytes / 2));
                for (int r = 0; r < Rows; r++) {
                    sum[r][j] = add_offsets(offsets, of.sums[r * of.groups + g], sum[r][j]);
                }
            }
        }
    }

    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            store(c + r * c_stride + j * 16, sum[r][j]);
        }
    }
}

using MultiplyTile = void (*)(const int8_t*, int64_t, const InputGroups&, const uint8_t* const*, int, float*, int, bool, int64_t);

// How many panels a register tile of so many rows takes: 1, 2, 4 or 8. A row alone takes many, so that its chains cover each other's latency.
constexpr int panels_beside(int rows) {
    int panels = 1;
    while (panels < 8 && rows * panels * 2 <= kTileVectors) {
        panels *= 2;
    }

    return panels;
}

template <typename Format, int Rows>
static MultiplyTile tile_of(int panels) {
    constexpr int kMost = panels_beside(Rows);
    if constexpr (kMost >= 8) {
        if (panels == 8) {
            return &multiply_tile<Format, Rows, 8>;
        }
    }

    if constexpr (kMost >= 4) {
        if (panels == 4) {
            return &multiply_tile<Format, Rows, 4>;
        }
    }

    if constexpr (kMost >= 2) {
        if (panels == 2) {
            return &multiply_tile<Format, Rows, 2>;
        }
    }

    return &multiply_tile<Format, Rows, 1>;
}

constexpr int tile_rows(int rows) { return rows <= kTileRows ? rows : kTileRows; }

template <typename Format>
static MultiplyTile tile_of(int rows, int panels) {
    switch (rows) {
    case 1: return tile_of<Format, 1>(panels);
    case 2: return tile_of<Format, tile_rows(2)>(panels);
    case 3: return tile_of<Format, tile_rows(3)>(panels);
    case 4: return tile_of<Format, tile_rows(4)>(panels);
    case 5: return tile_of<Format, tile_rows(5)>(panels);
    default: return tile_of<Format, tile_rows(6)>(panels);
    }
}

// Rows in tiles, from block `first_block` of their inputs on.
template <typename Format>
static void multiply_rows(const IntegerRows& x, int first, int rows, const uint8_t* const* w, int panels, int first_block, int blocks, float* c, int c_stride, bool carry,
    int64_t panel_stride) {
    const int tiles = (rows + kTileRows - 1) / kTileRows;
    for (int tile = 0, row = 0; tile < tiles; tile++) {
        const int count = (rows - row) / (tiles - tile);
        const int64_t from = first + row;
        const int64_t group = from * x.groups + 2 * first_block;
        const InputGroups groups{x.scales + group, x.sums + group, x.starts + group, x.groups};
        int width = panels_beside(count);
        for (int j = 0; j < panels;) {
            while (width > panels - j) {
                width /= 2;
            }

            const MultiplyTile multiply_some = tile_of<Format>(count, width);
            for (; j + width <= panels; j += width) {
                multiply_some(x.values + from * x.stride + first_block * kBlockInputs, x.stride, groups, w + j, blocks, c + row * c_stride + j * 16, c_stride, carry, panel_stride * width);
            }
        }

        row += count;
    }
}

static void multiply_int8(const IntegerRows& x, int first, int rows, const uint8_t* const* w, int panels, int blocks, float* c, int c_stride, int64_t panel_stride) {
    multiply_rows<Int8Format>(x, first, rows, w, panels, 0, blocks, c, c_stride, false, panel_stride);
}

constexpr int kUnpackedPanels = 2;
constexpr int kUnpackedBlocks = 16;  // of a panel: 34 KiB for two, or 36, which stay in the first cache beside the rows

template <typename Format>
static void unpack_block(const uint8_t* from, uint8_t* to) {
    __builtin_memcpy(to, from, Format::kHeaderBytes);
    for (int line = 0; line < 8; line++) {
        const Line packed = load_line(from + Format::kHeaderBytes + line * 64);
        uint8_t* lower = to + Format::kHeaderBytes + (line / 4 * 8 + line % 4) * 64;
        store_line(lower, Format::lower(packed));
        store_line(lower + 4 * 64, Format::upper(packed));
    }
}

// Few rows unpack as they go; for many the unpacked bytes are kept, a stretch of two panels at a time.
template <typename Format>
static void multiply_packed(const IntegerRows& x, int first, int rows, const uint8_t* const* w, int panels, int blocks, float* c, int c_stride, int64_t panel_stride) {
    if (rows <= 2 * kTileRows) {
        multiply_rows<Format>(x, first, rows, w, panels, 0, blocks, c, c_stride, false, panel_stride);
        return;
    }

    constexpr int64_t kPackedBytes = Format::kHeaderBytes + Format::kBytes;
    constexpr int64_t kUnpackedBytes = Format::kHeaderBytes + kInt8Bytes;
    alignas(64) uint8_t unpacked[kUnpackedPanels][kUnpackedBlocks * kUnpackedBytes];
    for (int panel = 0; panel < panels; panel += kUnpackedPanels) {
        const int count = panels - panel < kUnpackedPanels ? panels - panel : kUnpackedPanels;
        for (int from = 0; from < blocks; from += kUnpackedBlocks) {
            const int length = blocks - from < kUnpackedBlocks ? blocks - from : kUnpackedBlocks;
            const uint8_t* stretch[kUnpackedPanels];
            for (int j = 0; j < count; j++) {
                stretch[j] = unpacked[j];
                for (int block = 0; block < length; block++) {
                    unpack_block<Format>(w[panel + j] + (from + block) * kPackedBytes, unpacked[j] + block * kUnpackedBytes);
                }
            }

            multiply_rows<Unpacked<Format>>(x, first, rows, stretch, count, from, length, c + panel * 16, c_stride, from > 0, 0);
        }
    }
}

extern const IntegerKernels kKernels;
const IntegerKernels kKernels = {&multiply_int8, &multiply_packed<Int4Format>, &multiply_packed<Mxfp4Format>, &multiply_packed<Iq4Format>, &multiply_packed<Int4AsymmetricFormat>};
