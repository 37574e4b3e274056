// Tiles of integers as the panels of bf16 that products of a warpgroup read. Behind the ring of panels lie the scales of its tiles, and behind these a place for each copying warp, where
// its next tile's integers arrive: a lane converts what it has copied itself.
#pragma once
#include "integers.cuh"
#include "panels.cuh"

template <int HeadSize>
constexpr int kScalesOffset = kRingStages * 2 * kTileBytes<HeadSize>;

template <int HeadSize>
constexpr int kStagingOffset = kScalesOffset<HeadSize> + kRingStages * kTileScaleBytes;

// The lane's place in the scales of a tile of the ring.
template <class Pages, int HeadSize>
SRV_DEVICE const float* ring_scales(int stage) {
    return Pages::kScale > 0 ? lane_scales(ptx::dynamic_shared() + kScalesOffset<HeadSize> + stage * kTileScaleBytes) : nullptr;
}

template <int HeadSize>
struct PanelCopy<Int8Pages, HeadSize> {
    static constexpr int kTokens = 32 / 8;
    static constexpr int kTurns = kTileTokens / kTokens;
    static constexpr int kChunks = HeadSize / 16;
    static constexpr int kLines = 2 * kChunks / 8;

    int slot[kTurns];   // -1 behind the end
    int scaled[2];      // slots of the tokens whose scales the lane brings: lane, lane + 32
    float scale[2][2];  // a key's, a value's

    SRV_DEVICE static int chunk() { return static_cast<int>(ptx::lane()) % 8; }
    SRV_DEVICE static int token() { return static_cast<int>(ptx::lane()) / 8; }
    SRV_DEVICE static int of(int line) { return kLines == 2 ? line : chunk() / kChunks; }

    // Where a lane's 16 bytes of a turn and line arrive, of a warp's: beside each other.
    SRV_DEVICE static uint8_t* arrival(int warp, int turn, int line) {
        return ptx::dynamic_shared() + kStagingOffset<HeadSize> + warp * 2 * kIntegerBytes<HeadSize> + ((turn * kLines + line) * 32 + static_cast<int>(ptx::lane())) * 16;
    }

    // Reads where a tile's tokens lie, of which `left` are the item's.
    SRV_DEVICE PanelCopy(const int* token_slots, int left) {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const int at = i * kTokens + token();
            slot[i] = at < left ? token_slots[at] : -1;
        }

        SRV_UNROLL
        for (int i = 0; i < 2; i++) {
            const int at = i * 32 + static_cast<int>(ptx::lane());
            scaled[i] = at < left ? token_slots[at] : -1;
        }
    }

    // Starts the copies of the tile's keys and values, and asks for its scales.
    SRV_DEVICE void start(const SlotReader<Int8Pages>& slots, int warp) {
        SRV_UNROLL
        for (int i = 0; i < kTurns; i++) {
            const int8_t* key = slots.template key<HeadSize>(slot[i] < 0 ? 0 : slot[i]) + chunk() % kChunks * 16;
            SRV_UNROLL
            for (int line = 0; line < kLines; line++) {
                ptx::cp_async_16(ptx::shared_address(arrival(warp, i, line)), key + of(line) * slots.values_offset, slot[i] < 0 ? 0 : 16);
            }
        }

        ptx::cp_async_commit();
        SRV_UNROLL
        for (int i = 0; i < 2; i++) {
            SRV_UNROLL
            for (int which = 0; which < 2; which++) {
                scale[i][which] = scaled[i] < 0 ? 0.0f : *slots.scale(scaled[i], which);
            }
        }
    }

    // Awaits them and writes panels and scales to their place in the ring, which is free.
    SRV_DEVICE void widen(int warp, int stage) const {
        uint8_t* tile = ptx::dynamic_shared() + stage * 2 * kTileBytes<HeadSize>;
        float* scales = reinterpret_cast<float*>(ptx::dynamic_shared() + kScalesOffset<HeadSize> + stage * kTileScaleBytes);
        SRV_UNROLL
        for (int i = 0; i < 2; i++) {
            SRV_UNROLL
            for (int which = 0; which < 2; which++) {
                scales[which * kTileTokens + i * 32 + static_cast<int>(ptx::lane())] = scale[i][which];
            }
        }

        ptx::cp_async_wait<0>();
        const int first = chunk() % kChunks * 2;
        for (int i = 0; i < kTurns; i++) {
            const int row = i * kTokens + token();
            SRV_UNROLL
            for (int line = 0; line < kLines; line++) {
                uint8_t* to = tile + of(line) * kTileBytes<HeadSize> + first / 8 * kPanelBytes + row * 128;
                widen_chunk(arrival(warp, i, line), to + (first % 8 ^ row % 8) * 16, to + ((first % 8 + 1) ^ row % 8) * 16, HeadSize == 128 && chunk() >= 4);
            }
        }
    }
};
