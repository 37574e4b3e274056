// AMX's tile registers, one function per instruction. Tile numbers are template arguments, as the instructions hold them.

struct alignas(64) TileConfig {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
};

// Every tile is 16 rows of 64 bytes for the whole step: fewer rows are computed along and not looked at.
static void begin_worker() {
    TileConfig config;
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }

    __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

// Tiles in use slow down context switches: they are given up between steps.
static void end_worker() { __asm__ volatile("tilerelease" ::); }

template <int Tile>
SRV_INLINE void tile_zero() {
    __asm__ volatile("tilezero %%tmm%c0" ::"i"(Tile));
}

template <int Tile>
SRV_INLINE void tile_load(const void* from, int64_t stride) {
    __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(Tile), "r"(from), "r"(stride) : "memory");
}

template <int Tile>
SRV_INLINE void tile_store(void* to, int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(Tile), "r"(to), "r"(stride) : "memory");
}

// C += A · B over 32 bf16.
template <int C, int A, int B>
SRV_INLINE void tile_multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
}
