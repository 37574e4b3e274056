// What AMX's instructions refuse: the checks of LDTILECFG and the exception classes AMX-E1 … E5 of Intel's Software Developer's Manual, volume 2.
#include "tiles.h"

#include <string.h>

#include <initializer_list>

namespace srv_emulated {
namespace {

constexpr int kColumnsAt = 16;  // a word for each tile
constexpr int kRowsAt = 48;     // a byte for each tile

bool is_zero(const uint8_t* bytes, int from, int to) {
    for (int i = from; i < to; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }

    return true;
}

uint16_t columns_of(const uint8_t* bytes, int tile) {
    uint16_t columns;
    memcpy(&columns, bytes + kColumnsAt + 2 * tile, sizeof columns);
    return columns;
}

}  // namespace

const char* why_no_configuration(const void* config) {
    const auto* bytes = static_cast<const uint8_t*>(config);
    if (bytes[0] == 0) {
        return nullptr;
    }

    if (bytes[0] > 1) {
        return "there is no such palette";
    }

    if (!is_zero(bytes, 2, kColumnsAt) || !is_zero(bytes, kColumnsAt + 2 * kTiles, kRowsAt) || !is_zero(bytes, kRowsAt + kTiles, 64)) {
        return "reserved bytes are not zero";
    }

    for (int tile = 0; tile < kTiles; tile++) {
        const int columns = columns_of(bytes, tile);
        const int rows = bytes[kRowsAt + tile];
        if (columns > kTileRowBytes || rows > kTileRows) {
            return "a tile has 16 rows of 64 bytes at most";
        }

        if ((columns == 0) != (rows == 0)) {
            return "a tile has rows and columns, or neither";
        }
    }

    return nullptr;
}

void configure(Tiles& tiles, const void* config) {
    const auto* bytes = static_cast<const uint8_t*>(config);
    tiles = Tiles{};
    tiles.configured = bytes[0] != 0;
    tiles.start_row = bytes[1];
    for (int tile = 0; tiles.configured && tile < kTiles; tile++) {
        tiles.row_bytes[tile] = columns_of(bytes, tile);
        tiles.rows[tile] = bytes[kRowsAt + tile];
    }
}

const char* why_no_tile(const Tiles& tiles, int tile) {
    if (!tiles.configured) {
        return "no tile is configured";
    }

    return tile >= 0 && tile < kTiles && tiles.rows[tile] > 0 ? nullptr : "this tile is not configured";
}

const char* why_no_move(const Tiles& tiles, int tile) {
    if (const char* why = why_no_tile(tiles, tile)) {
        return why;
    }

    if (tiles.row_bytes[tile] % 4 != 0) {
        return "rows are not whole dwords";
    }

    return tiles.start_row < tiles.rows[tile] ? nullptr : "the start row lies behind the last";
}

const char* why_no_product(const Tiles& tiles, int c, int a, int b) {
    if (c == a || a == b || c == b) {
        return "the three tiles are not three";
    }

    for (const int tile : {c, a, b}) {
        if (const char* why = why_no_tile(tiles, tile)) {
            return why;
        }

        if (tiles.row_bytes[tile] % 4 != 0) {
            return "rows are not whole dwords";
        }
    }

    const bool fit = tiles.rows[c] == tiles.rows[a] && tiles.row_bytes[c] == tiles.row_bytes[b] && tiles.row_bytes[a] / 4 == tiles.rows[b];
    return fit ? nullptr : "rows and columns of the three do not fit";
}

}  // namespace srv_emulated
