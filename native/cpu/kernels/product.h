// C (+)= X · W for a few rows of X and a few panels of W, in the one order of accumulation that this instruction set has.
//
// FMA order (AVX2, AVX-512): every output is one chain of fused multiply-adds over the inputs, ascending. Dot order (AVX-512 BF16): one chain of VDPBF16PS over
// pairs of inputs. Outputs lie across lanes, so a row alone and a row among twelve are the same chain.
// Tile order (AMX): inputs are taken 32 at a time; even and odd ones form a chain each, from zero, and the sum of both is added to C. This is what
// TDPBF16PS does; here it is done with FMAs for few rows, bit for bit, under DAZ and FTZ.

template <typename Source, int Rows, int Panels>
static void multiply_chain(const Activation* x, int64_t x_stride, const uint16_t* const* w, int pairs, float* c, int c_stride, bool carry, int64_t ahead) {
    Vector sum[Rows][Panels];
    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            sum[r][j] = carry ? load(c + r * c_stride + j * kLanes) : zero();
        }
    }

    const uint16_t* from[Panels * Source::kPointers];
    for (int i = 0; i < Panels * Source::kPointers; i++) {
        from[i] = w[i];
    }

    for (int p = 0; p < pairs; p++) {
        Weights16 weights[Panels];
        for (int j = 0; j < Panels; j++) {
            weights[j] = Source::load(from + j * Source::kPointers, p, ahead);
        }

        for (int r = 0; r < Rows; r++) {
            const Inputs inputs = splat_inputs(x + r * x_stride + 2 * p);
            for (int j = 0; j < Panels; j++) {
                sum[r][j] = accumulate(inputs, weights[j], sum[r][j]);
            }
        }
    }

    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            store(c + r * c_stride + j * kLanes, sum[r][j]);
        }
    }
}

#if SRV_ORDER == SRV_ORDER_TILE

template <typename Source, int Rows, int Panels>
static void multiply_in_tile_order(const Activation* x, int64_t x_stride, const uint16_t* const* w, int pairs, float* c, int c_stride, bool carry, int64_t ahead) {
    constexpr int kTilePairs = kBlock / 2;
    Vector total[Rows][Panels];
    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            total[r][j] = carry ? load(c + r * c_stride + j * kLanes) : zero();
        }
    }

    for (int first = 0; first < pairs; first += kTilePairs) {
        Vector even_sum[Rows][Panels];
        Vector odd_sum[Rows][Panels];
        for (int r = 0; r < Rows; r++) {
            for (int j = 0; j < Panels; j++) {
                even_sum[r][j] = zero();
                odd_sum[r][j] = zero();
            }
        }

        for (int p = first; p < first + kTilePairs; p++) {
            for (int j = 0; j < Panels; j++) {
                const Weights16 weights = Source::load(w + j * Source::kPointers, p, ahead);
                for (int r = 0; r < Rows; r++) {
                    const Inputs inputs = splat_inputs(x + r * x_stride + 2 * p);
                    even_sum[r][j] = fma(inputs.even, weights.even, even_sum[r][j]);
                    odd_sum[r][j] = fma(inputs.odd, weights.odd, odd_sum[r][j]);
                }
            }
        }

        for (int r = 0; r < Rows; r++) {
            for (int j = 0; j < Panels; j++) {
                total[r][j] = add(total[r][j], add(even_sum[r][j], odd_sum[r][j]));
            }
        }
    }

    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            store(c + r * c_stride + j * kLanes, total[r][j]);
        }
    }
}

#endif

using MultiplyTile = void (*)(const Activation*, int64_t, const uint16_t* const*, int, float*, int, bool, int64_t);

template <typename Source, int Rows, int Panels>
static constexpr MultiplyTile multiply_tile() {
#if SRV_ORDER == SRV_ORDER_TILE
    return &multiply_in_tile_order<Source, Rows, Panels>;
#else
    return &multiply_chain<Source, Rows, Panels>;
#endif
}

// In tile order an output needs three accumulators instead of one.
constexpr int kFmaVectors = kTileOrder ? kTileVectors / 3 : kTileVectors;
constexpr int kFmaRows = kTileOrder && kTileRows > 4 ? 4 : kTileRows;
constexpr int kMaxPanels = 8;

// How many panels a register tile of so many rows takes: 1, 2, 4 or 8.
constexpr int panels_beside(int rows) {
    int panels = 1;
    while (panels < kMaxPanels && rows * panels * 2 <= kFmaVectors) {
        panels *= 2;
    }

    return panels;
}

template <typename Source, int Rows>
static MultiplyTile tile_of(int panels) {
    constexpr int kMost = panels_beside(Rows);
    if constexpr (kMost >= 8) {
        if (panels == 8) {
            return multiply_tile<Source, Rows, 8>();
        }
    }

    if constexpr (kMost >= 4) {
        if (panels == 4) {
            return multiply_tile<Source, Rows, 4>();
        }
    }

    if constexpr (kMost >= 2) {
        if (panels == 2) {
            return multiply_tile<Source, Rows, 2>();
        }
    }

    return multiply_tile<Source, Rows, 1>();
}

constexpr int fma_rows(int rows) { return rows <= kFmaRows ? rows : kFmaRows; }

template <typename Source>
static MultiplyTile tile_of(int rows, int panels) {
    switch (rows) {
    case 1: return tile_of<Source, 1>(panels);
    case 2: return tile_of<Source, 2>(panels);
    case 3: return tile_of<Source, 3>(panels);
    case 4: return tile_of<Source, 4>(panels);
    case 5: return tile_of<Source, fma_rows(5)>(panels);
    case 6: return tile_of<Source, fma_rows(6)>(panels);
    case 7: return tile_of<Source, fma_rows(7)>(panels);
    case 8: return tile_of<Source, fma_rows(8)>(panels);
    case 9: return tile_of<Source, fma_rows(9)>(panels);
    case 10: return tile_of<Source, fma_rows(10)>(panels);
    case 11: return tile_of<Source, fma_rows(11)>(panels);
    default: return tile_of<Source, fma_rows(12)>(panels);
    }
}

// Any number of rows and panels. w holds the source's pointers of every panel; c is [rows, c_stride] with panel j at column 16 j. panel_stride is the distance of
// panels that lie side by side in memory, 0 where they do not.
template <typename Source>
static void multiply_by_vectors(const Activation* x, int64_t x_stride, int rows, const uint16_t* const* w, int panels, int pairs, float* c, int c_stride, bool carry,
    int64_t panel_stride) {
    const int tiles = (rows + kFmaRows - 1) / kFmaRows;
    for (int tile = 0, first = 0; tile < tiles; tile++) {
        const int count = (rows - first) / (tiles - tile);
        int width = panels_beside(count);
        for (int j = 0; j < panels;) {
            while (width > panels - j) {
                width /= 2;
            }

            const MultiplyTile multiply_some = tile_of<Source>(count, width);
            const int64_t ahead = Source::kPointers == 2 ? kBlockAhead : panel_stride * width;
            for (; j + width <= panels; j += width) {
                multiply_some(x + first * x_stride, x_stride, w + j * Source::kPointers, pairs, c + first * c_stride + j * kLanes, c_stride, carry, ahead);
            }
        }

        first += count;
    }
}

// The product by whatever suits the rows; the result does not depend on which.
template <typename Source>
static void multiply(const Activation* x, int64_t x_stride, int rows, const uint16_t* const* w, int panels, int pairs, float* c, int c_stride, bool carry,
    int64_t panel_stride) {
#ifdef SRV_TILES
    if (rows > kFmaRows) {
        multiply_by_tiles(x, x_stride, rows, w, panels, pairs, c, c_stride, carry);
        return;
    }
#endif
    multiply_by_vectors<Source>(x, x_stride, rows, w, panels, pairs, c, c_stride, carry, panel_stride);
}
