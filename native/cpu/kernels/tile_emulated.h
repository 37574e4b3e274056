// The same functions in plain C++, by the definition of TDPBF16PS in Intel's Software Developer's Manual: in each output, even and odd elements form a chain of
// FMAs each, from zero, and their sum is added to C; denormals count as zero, which the worker's control register sees to.

struct EmulatedTile {
    alignas(64) uint8_t bytes[16][64];
};

static thread_local EmulatedTile emulated_tiles[8];

SRV_INLINE void begin_worker() {}
SRV_INLINE void end_worker() {}

template <int Tile>
static void tile_zero() {
    __builtin_memset(emulated_tiles[Tile].bytes, 0, sizeof emulated_tiles[Tile].bytes);
}

template <int Tile>
static void tile_load(const void* from, int64_t stride) {
    for (int row = 0; row < 16; row++) {
        __builtin_memcpy(emulated_tiles[Tile].bytes[row], static_cast<const uint8_t*>(from) + row * stride, 64);
    }
}

template <int Tile>
static void tile_store(void* to, int64_t stride) {
    for (int row = 0; row < 16; row++) {
        __builtin_memcpy(static_cast<uint8_t*>(to) + row * stride, emulated_tiles[Tile].bytes[row], 64);
    }
}

template <int C, int A, int B>
static void tile_multiply() {
    for (int m = 0; m < 16; m++) {
        float even[16] = {};
        float odd[16] = {};
        uint32_t a[16];
        __builtin_memcpy(a, emulated_tiles[A].bytes[m], sizeof a);
        for (int k = 0; k < 16; k++) {
            uint32_t b[16];
            __builtin_memcpy(b, emulated_tiles[B].bytes[k], sizeof b);
            const float a_even = __builtin_bit_cast(float, a[k] << 16);
            const float a_odd = __builtin_bit_cast(float, a[k] & 0xFFFF0000u);
            for (int n = 0; n < 16; n++) {
                even[n] = __builtin_fmaf(a_even, __builtin_bit_cast(float, b[n] << 16), even[n]);
                odd[n] = __builtin_fmaf(a_odd, __builtin_bit_cast(float, b[n] & 0xFFFF0000u), odd[n]);
            }
        }

        float c[16];
        __builtin_memcpy(c, emulated_tiles[C].bytes[m], sizeof c);
        for (int n = 0; n < 16; n++) {
            c[n] += even[n] + odd[n];
        }

        __builtin_memcpy(emulated_tiles[C].bytes[m], c, sizeof c);
    }
}
