// Tiles of 64 keys and values in shared memory as the warpgroup products of sm_90a read them: panels of 64 elements, [64 tokens][128 bytes], one after the
// other, 16-byte chunk c of token r at c ^ (r & 7). Tokens behind the item's end are zeros.
#pragma once
#include "tiles.cuh"

constexpr int kPanelBytes = kTileTokens * 128;
constexpr int kRingStages = 5;

// A warp brings in whole tiles: eight lanes share a token and copy 16 bytes of every 128. Its tokens lie four apart, so that it has two turns of chunks.
template <class Pages, int HeadSize>
struct PanelCopy {
    static constexpr int kTokens = 32 / 8;
    static constexpr int kTurns = kTileTokens / kTokens;

    int slot[kTurns];  // -1 behind the end

    SRV_DEVICE static int chunk() { return static_cast<int>(ptx::lane()) % 8; }
    SRV_DEVICE static int token() { return static_cast<int>(ptx::lane()) / 8; }

    // Reads where a tile's tokens lie, of which `left` are the item's.
    SRV_DEVICE PanelCopy(const int* token_slots, int left) {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const int at = i * kTokens + token();
            slot[i] = at < left ? token_slots[at] : -1;
        }
    }

    // Starts the copies of the tile's keys and values, which the caller commits.
    SRV_DEVICE void start(const SlotReader<Pages>& slots, ptx::SharedAddress tile) const {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const int at = i * kTokens + token();
            const uint16_t* key = slots.template key<HeadSize>(slot[i] < 0 ? 0 : slot[i]) + chunk() * 8;
            const uint32_t bytes = slot[i] < 0 ? 0 : 16;
            SRV_UNROLL
            for (int panel = 0; panel < HeadSize / 64; panel++) {
                const ptx::SharedAddress place = tile + panel * kPanelBytes + at * 128 + (chunk() ^ at % 8) * 16;
                ptx::cp_async_16(place, key + panel * 64, bytes);
                ptx::cp_async_16(place + kTileBytes<HeadSize>, key + slots.values_offset + panel * 64, bytes);
            }
        }
    }
};
