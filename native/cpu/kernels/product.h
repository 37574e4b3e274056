// C (+)= X · W for a few rows of X and a few panels of W, in the one order of accumulation that this instruction set has.
//
// FMA order (AVX2, AVX-512): every output is one chain of fused multiply-adds over the inputs, ascending. Outputs lie across lanes, so a row alone
// and a row among twelve are the same chain.
// Tile order (AMX): inputs are taken 32 at a time; even and odd ones form a chain each, from zero, and the sum of both is added to C. This is what
// TDPBF16PS does; the functions below do it with FMAs for few rows, bit for bit, under DAZ and FTZ.

template <int Rows, int Panels>
static void multiply_chain(const Activation* x, int64_t x_stride, const uint16_t* const* w, int pairs, float* c, int c_stride, bool carry) {
    Vector sum[Rows][Panels];
    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            sum[r][j] = carry ? load(c + r * c_stride + j * kLanes) : zero();
        }
    }

    const uint16_t* panel[Panels];
    for (int j = 0; j < Panels; j++) {
        panel[j] = w[j];
    }

    for (int p = 0; p < pairs; p++) {
        Vector even[Panels];
        Vector odd[Panels];
        for (int j = 0; j < Panels; j++) {
            load_pairs(panel[j] + p * 2 * kLanes, even[j], odd[j]);
        }

        for (int r = 0; r < Rows; r++) {
            Vector low;
            Vector high;
            splat_pair(x + r * x_stride + 2 * p, low, high);
            for (int j = 0; j < Panels; j++) {
                sum[r][j] = fma(low, even[j], sum[r][j]);
                sum[r][j] = fma(high, odd[j], sum[r][j]);
            }
        }
    }

    for (int r = 0; r < Rows; r++) {
        for (int j = 0; j < Panels; j++) {
            store(c + r * c_stride + j * kLanes, sum[r][j]);
        }
    }
}

template <int Rows, int Panels>
static void multiply_in_tile_order(const Activation* x, int64_t x_stride, const uint16_t* const* w, int pairs, float* c, int c_stride, bool carry) {
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
                Vector even;
                Vector odd;
                load_pairs(w[j] + p * 2 * kLanes, even, odd);
                for (int r = 0; r < Rows; r++) {
                    Vector low;
                    Vector high;
                    splat_pair(x + r * x_stride + 2 * p, low, high);
                    even_sum[r][j] = fma(low, even, even_sum[r][j]);
                    odd_sum[r][j] = fma(high, odd, odd_sum[r][j]);
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

using MultiplyTile = void (*)(const Activation*, int64_t, const uint16_t* const*, int, float*, int, bool);

template <int Rows, int Panels>
static constexpr MultiplyTile multiply_tile() {
    if constexpr (kTileOrder) {
        return &multiply_in_tile_order<Rows, Panels>;
    } else {
        return &multiply_chain<Rows, Panels>;
    }
}

// In tile order an output needs three accumulators instead of one.
constexpr int kFmaVectors = kTileOrder ? kTileVectors / 3 : kTileVectors;
constexpr int kFmaRows = kTileOrder ? (kTileRows < 4 ? kTileRows : 4) : kTileRows;
constexpr int kMaxPanels = 8;

// How many panels a register tile of so many rows takes: 1, 2, 4 or 8.
constexpr int panels_beside(int rows) {
    int panels = 1;
    while (panels < kMaxPanels && rows * panels * 2 <= kFmaVectors) {
        panels *= 2;
    }

    return panels;
}

template <int Rows>
static MultiplyTile tile_of(int panels) {
    constexpr int kMost = panels_beside(Rows);
    if constexpr (kMost >= 8) {
        if (panels == 8) {
            return multiply_tile<Rows, 8>();
        }
    }

    if constexpr (kMost >= 4) {
        if (panels == 4) {
            return multiply_tile<Rows, 4>();
        }
    }

    if constexpr (kMost >= 2) {
        if (panels == 2) {
            return multiply_tile<Rows, 2>();
        }
    }

    return multiply_tile<Rows, 1>();
}

static MultiplyTile tile_of(int rows, int panels) {
    switch (rows) {
    case 1: return tile_of<1>(panels);
    case 2: return tile_of<2>(panels);
    case 3: return tile_of<3>(panels);
    case 4: return tile_of<4>(panels);
    case 5: return tile_of<kFmaRows < 5 ? 1 : 5>(panels);
    case 6: return tile_of<kFmaRows < 6 ? 1 : 6>(panels);
    case 7: return tile_of<kFmaRows < 7 ? 1 : 7>(panels);
    case 8: return tile_of<kFmaRows < 8 ? 1 : 8>(panels);
    case 9: return tile_of<kFmaRows < 9 ? 1 : 9>(panels);
    case 10: return tile_of<kFmaRows < 10 ? 1 : 10>(panels);
    case 11: return tile_of<kFmaRows < 11 ? 1 : 11>(panels);
    default: return tile_of<kFmaRows < 12 ? 1 : 12>(panels);
    }
}

// Any number of rows and panels by FMAs. w holds one pointer per panel; c is [rows, c_stride] with panel j at column 16 j.
static void multiply_by_fma(const Activation* x, int64_t x_stride, int rows, const uint16_t* const* w, int panels, int pairs, float* c, int c_stride, bool carry) {
    const int tiles = (rows + kFmaRows - 1) / kFmaRows;
    for (int tile = 0, first = 0; tile < tiles; tile++) {
        const int count = (rows - first) / (tiles - tile);
        const int most = panels_beside(count);
        for (int j = 0; j < panels;) {
            int width = most;
            while (width > panels - j) {
                width /= 2;
            }

            tile_of(count, width)(x + first * x_stride, x_stride, w + j, pairs, c + first * c_stride + j * kLanes, c_stride, carry);
            j += width;
        }

        first += count;
    }
}

// The product by whatever suits the rows; the result does not depend on which.
static void multiply(const Activation* x, int64_t x_stride, int rows, const uint16_t* const* w, int panels, int pairs, float* c, int c_stride, bool carry) {
#ifdef SRV_TILES
    if (rows > kFmaRows) {
        multiply_by_tiles(x, x_stride, rows, w, panels, pairs, c, c_stride, carry);
        return;
    }
#endif
    multiply_by_fma(x, x_stride, rows, w, panels, pairs, c, c_stride, carry);
}
