// An item's tiles of integers, brought in two ahead and made bf16 in shared memory, for a block of eight warps that all read all of them.
#pragma once
#include "integers.cuh"

// A thread converts what it has copied itself: copies are waited for by nobody else. Tiles of bf16 have their scales behind them, as the next copies take those of the integers.
template <int HeadSize>
struct IntegerRing {
    static constexpr int kPlaces = 2;

    uint8_t tiles[kPlaces][2 * kTileBytes<HeadSize> + kTileScaleBytes];
    uint8_t copies[kPlaces][kIntegerTile<HeadSize>];
};

template <int HeadSize>
struct IntegerTiles {
    const SlotReader<Int8Pages>& slots;
    IntegerRing<HeadSize>& ring;
    TileCopies<Int8Pages, HeadSize, 256> ahead;
    int place;

    SRV_DEVICE IntegerTiles(const srv_attention_params& p, const srv_attention_item& item, const ItemTokens& tokens, const SlotReader<Int8Pages>& slots, IntegerRing<HeadSize>& ring)
        : slots(slots), ring(ring), ahead(at<const int>(p.token_slots) + item.first_token, tokens.begin, tokens.end), place(IntegerRing<HeadSize>::kPlaces - 1) {}

    // Queries come straight from memory, in the order of the integers' pairs.
    SRV_DEVICE void begin(const srv_attention_params& p, const srv_attention_item&, int, const LaneRows& rows, int, uint32_t (&queries)[HeadSize / 16][4]) {
        SRV_UNROLL
        for (int i = 0; i < IntegerRing<HeadSize>::kPlaces; i++) {
            ahead.copy(slots, ptx::shared_address(ring.copies[i]));
            ptx::cp_async_commit();
        }

        read_queries_in_pairs<HeadSize>(p, rows, queries);
    }

    // The next tile. Whoever is here has left the tile before the last, whose place it takes: all have met since.
    SRV_DEVICE ptx::SharedAddress next() {
        place = 1 - place;
        ptx::cp_async_wait<IntegerRing<HeadSize>::kPlaces - 1>();
        ahead.widen(ring.copies[place], ring.tiles[place]);
        ahead.copy(slots, ptx::shared_address(ring.copies[place]));
        ptx::cp_async_commit();
        ptx::barrier();
        return ptx::shared_address(ring.tiles[place]);
    }

    SRV_DEVICE const float* scales() const { return lane_scales(ring.tiles[place] + 2 * kTileBytes<HeadSize>); }
};
