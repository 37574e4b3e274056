// AMX's tile registers, a set for each thread, and its instructions. One that would fault ends the process and says why.
#pragma once
#include <cstdint>

namespace srv_emulated {

constexpr int kTiles = 8;
constexpr int kTileRows = 16;
constexpr int kTileRowBytes = 64;

struct Tiles {
    bool configured = false;  // otherwise none can be used
    uint8_t start_row = 0;
    uint8_t rows[kTiles] = {};
    uint16_t row_bytes[kTiles] = {};
    alignas(64) uint8_t data[kTiles][kTileRows][kTileRowBytes] = {};
};

// Why LDTILECFG takes no such 64 bytes, or null.
const char* why_no_configuration(const void* config);

// LDTILECFG of what it takes: all tiles are zero then.
void configure(Tiles& tiles, const void* config);

// Why TILEZERO, or TILELOADD and TILESTORED, cannot have a tile, or null.
const char* why_no_tile(const Tiles& tiles, int tile);
const char* why_no_move(const Tiles& tiles, int tile);

// Why TDPBF16PS cannot have three, or null.
const char* why_no_product(const Tiles& tiles, int c, int a, int b);

// The calling thread's.
void tile_configure(const void* config);
void tile_release();
void tile_zero(int tile);
void tile_load(int tile, const void* from, int64_t stride);
void tile_store(int tile, void* to, int64_t stride);
void tile_multiply(int c, int a, int b);

}  // namespace srv_emulated
