#include "tiles.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace srv_emulated {
namespace {

thread_local Tiles tiles_here;

void fault_if(const char* why, const char* instruction) {
    if (why != nullptr) {
        fprintf(stderr, "emulated AMX: %s faults: %s\n", instruction, why);
        abort();
    }
}

// A row of A by all rows of B, for up to sixteen outputs. In each output even and odd elements form a chain of FMAs each, from zero, and their sum is added to C.
// A call that the compiler knows nothing of, so that nothing of it is moved before the control register is set.
#ifdef __clang__
__attribute__((noinline))
#else
__attribute__((noipa))
#endif
void multiply_row(const uint8_t* a, const uint8_t (*b)[kTileRowBytes], int pairs, uint8_t* c) {
    const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xFFFF0000u));
    __m256 even[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    __m256 odd[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int k = 0; k < pairs; k++) {
        int32_t pair;
        memcpy(&pair, a + 4 * k, sizeof pair);
        const __m256i x = _mm256_set1_epi32(pair);
        const __m256 x_even = _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
        const __m256 x_odd = _mm256_castsi256_ps(_mm256_and_si256(x, upper));
        for (int half = 0; half < 2; half++) {
            const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(b[k] + 32 * half));
            even[half] = _mm256_fmadd_ps(x_even, _mm256_castsi256_ps(_mm256_slli_epi32(w, 16)), even[half]);
            odd[half] = _mm256_fmadd_ps(x_odd, _mm256_castsi256_ps(_mm256_and_si256(w, upper)), odd[half]);
        }
    }

    for (int half = 0; half < 2; half++) {
        float* to = reinterpret_cast<float*>(c) + 8 * half;
        _mm256_store_ps(to, _mm256_add_ps(_mm256_load_ps(to), _mm256_add_ps(even[half], odd[half])));
    }
}

}  // namespace

void tile_configure(const void* config) {
    fault_if(why_no_configuration(config), "LDTILECFG");
    configure(tiles_here, config);
}

void tile_release() { tiles_here.configured = false; }

void tile_zero(int tile) {
    fault_if(why_no_tile(tiles_here, tile), "TILEZERO");
    memset(tiles_here.data[tile], 0, sizeof tiles_here.data[tile]);
    tiles_here.start_row = 0;
}

void tile_load(int tile, const void* from, int64_t stride) {
    Tiles& tiles = tiles_here;
    fault_if(why_no_move(tiles, tile), "TILELOADD");
    for (int row = tiles.start_row; row < kTileRows; row++) {
        const size_t bytes = row < tiles.rows[tile] ? tiles.row_bytes[tile] : 0;
        memset(tiles.data[tile][row] + bytes, 0, kTileRowBytes - bytes);
        if (bytes > 0) {
            memcpy(tiles.data[tile][row], static_cast<const uint8_t*>(from) + row * stride, bytes);
        }
    }

    tiles.start_row = 0;
}

void tile_store(int tile, void* to, int64_t stride) {
    Tiles& tiles = tiles_here;
    fault_if(why_no_move(tiles, tile), "TILESTORED");
    for (int row = tiles.start_row; row < tiles.rows[tile]; row++) {
        memcpy(static_cast<uint8_t*>(to) + row * stride, tiles.data[tile][row], tiles.row_bytes[tile]);
    }

    tiles.start_row = 0;
}

void tile_multiply(int c, int a, int b) {
    Tiles& tiles = tiles_here;
    fault_if(why_no_product(tiles, c, a, b), "TDPBF16PS");
    const unsigned control = _mm_getcsr();
    _mm_setcsr(kFlushing);
    for (int row = 0; row < tiles.rows[c]; row++) {
        multiply_row(tiles.data[a][row], tiles.data[b], tiles.row_bytes[a] / 4, tiles.data[c][row]);

        // What is not configured stays zero; an infinite A times no B would be NaN.
        memset(tiles.data[c][row] + tiles.row_bytes[c], 0, kTileRowBytes - tiles.row_bytes[c]);
    }

    _mm_setcsr(control);
    tiles.start_row = 0;
}

}  // namespace srv_emulated
