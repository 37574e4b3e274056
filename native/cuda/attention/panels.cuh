// Tiles of 64 keys and values in shared memory as the warpgroup products of sm_90a read them: panels of 64 elements, [64 tokens][128 bytes], one after the
// other, 16-byte chunk c of token r at c ^ (r & 7). Tokens behind the item's end are zeros.
#pragma once
#include "tiles.cuh"

constexpr int kPanelBytes = kTileTokens * 128;
constexpr int kPanelThreads = 128;  // that copy; eight share a token

// Brings an item's tiles in, one after the other, as TileCopies does for tiles.cuh. A thread's tokens of a tile lie 16 apart, so that their chunks turn alike.
template <int HeadSize>
struct PanelCopies {
    static constexpr int kTokens = kPanelThreads / 8;
    static constexpr int kTurns = kTileTokens / kTokens;

    const int* next;  // this thread's first slot of the tile that is read next
    int left;         // tokens from there to the item's end
    int slot[kTurns]; // of the tile that is copied next; -1 behind the end

    SRV_DEVICE PanelCopies(const int* token_slots, int begin, int end) : next(token_slots + begin + token()), left(end - begin - token()) { read(); }

    SRV_DEVICE static int chunk() { return static_cast<int>(ptx::lane()) % 8; }
    SRV_DEVICE static int token() { return static_cast<int>(ptx::thread_index()) % kPanelThreads / 8; }

    SRV_DEVICE void read() {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            slot[i] = i * kTokens < left ? next[i * kTokens] : -1;
        }

        next += kTileTokens;
        left -= kTileTokens;
    }

    // Starts the copies of a tile's keys and values, which the caller commits, and reads the next one's slots.
    SRV_DEVICE void copy(const SlotReader& slots, ptx::SharedAddress tile) {
        const ptx::SharedAddress to = tile + token() * 128 + (chunk() ^ token() % 8) * 16;
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const uint16_t* key = slots.key<HeadSize>(slot[i] < 0 ? 0 : slot[i]) + chunk() * 8;
            const uint32_t bytes = slot[i] < 0 ? 0 : 16;
            SRV_UNROLL
            for (int panel = 0; panel < HeadSize / 64; panel++) {
                const ptx::SharedAddress place = to + i * kTokens * 128 + panel * kPanelBytes;
                ptx::cp_async_16(place, key + panel * 64, bytes);
                ptx::cp_async_16(place + kTileBytes<HeadSize>, key + slots.values_offset + panel * 64, bytes);
            }
        }

        read();
    }
};
