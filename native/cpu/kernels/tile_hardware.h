// AMX's tile registers: how they are configured for a step. native/cpu_emulator has another tile_instructions.h in this one's place.
#include "isa/tile_instructions.h"

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

    tile_configure(config);
}

// Tiles in use slow down context switches: they are given up between steps.
static void end_worker() { tile_release(); }
