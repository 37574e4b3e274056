// Products by tiles: up to 2 × 2 tiles of C stay in registers over all inputs. Rows are computed in sixteens; x and c have room for that.

constexpr int kTileRowCount = 16;

// C tiles are 0 … 3, A's are 4 and 5, B's are 6 and 7.
template <int RowTiles, int PanelTiles>
static void multiply_tiles(const Activation* x, int64_t x_stride, const uint16_t* const* w, int pairs, float* c, int c_stride, bool carry) {
    const int64_t x_bytes = x_stride * static_cast<int64_t>(sizeof *x);
    const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof *c);
    constexpr bool kRow1 = RowTiles > 1;
    constexpr bool kPanel1 = PanelTiles > 1;
    float* lower_c = c + kTileRowCount * static_cast<int64_t>(c_stride);
    if (carry) {
        tile_load<0>(c, c_bytes);
        if constexpr (kPanel1) tile_load<1>(c + kLanes, c_bytes);
        if constexpr (kRow1) tile_load<2>(lower_c, c_bytes);
        if constexpr (kRow1 && kPanel1) tile_load<3>(lower_c + kLanes, c_bytes);
    } else {
        tile_zero<0>();
        if constexpr (kPanel1) tile_zero<1>();
        if constexpr (kRow1) tile_zero<2>();
        if constexpr (kRow1 && kPanel1) tile_zero<3>();
    }

    for (int p = 0; p < pairs; p += kBlock / 2) {
        constexpr int64_t kPairBytes = 2 * kLanes * static_cast<int64_t>(sizeof(uint16_t));
        tile_load<4>(x + 2 * p, x_bytes);
        tile_load<6>(w[0] + p * 2 * kLanes, kPairBytes);
        tile_multiply<0, 4, 6>();
        if constexpr (kPanel1) {
            tile_load<7>(w[1] + p * 2 * kLanes, kPairBytes);
            tile_multiply<1, 4, 7>();
        }

        if constexpr (kRow1) {
            tile_load<5>(x + kTileRowCount * x_stride + 2 * p, x_bytes);
            tile_multiply<2, 5, 6>();
        }

        if constexpr (kRow1 && kPanel1) {
            tile_multiply<3, 5, 7>();
        }
    }

    tile_store<0>(c, c_bytes);
    if constexpr (kPanel1) tile_store<1>(c + kLanes, c_bytes);
    if constexpr (kRow1) tile_store<2>(lower_c, c_bytes);
    if constexpr (kRow1 && kPanel1) tile_store<3>(lower_c + kLanes, c_bytes);
}

static void multiply_by_tiles(const Activation* x, int64_t x_stride, int rows, const uint16_t* const* w, int panels, int pairs, float* c, int c_stride, bool carry) {
    for (int r = 0; r < rows; r += 2 * kTileRowCount) {
        const bool two_rows = rows - r > kTileRowCount;
        const Activation* from = x + r * x_stride;
        for (int j = 0; j < panels; j += 2) {
            float* to = c + r * static_cast<int64_t>(c_stride) + j * kLanes;
            const bool two_panels = panels - j > 1;
            const auto tiles = two_rows ? (two_panels ? &multiply_tiles<2, 2> : &multiply_tiles<2, 1>) : (two_panels ? &multiply_tiles<1, 2> : &multiply_tiles<1, 1>);
            tiles(from, x_stride, w + j, pairs, to, c_stride, carry);
        }
    }
}
