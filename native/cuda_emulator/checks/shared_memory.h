// What a check knows of a block's shared memory: who wrote and who read each pair of bytes, and when.
//
// A line of 16 bytes has one cell for all of it, or one per word, or one per pair of bytes: as many as accesses since the last write of the whole line have asked for. What is
// found is the same.
//
// Time is a clock per warp that steps at every barrier and warp_sync. An access is stamped with its thread and its warp's clock. It is ordered before another
// when both are one thread's; or one warp's, and the clock has stepped since; or when a barrier has told the later warp of that clock. Two accesses of which one
// is a write, neither ordered before the other, are a race. Clocks go on from block to block, so that what an earlier block left is not "written".
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace emulator {

class SharedMemory {
public:
    static constexpr size_t max_bytes = 227 << 10;
    static constexpr uint32_t max_warps = 32;

    enum class Verdict : uint8_t { fine, not_written, race, pending_copy, not_fenced };

    struct Outcome {
        Verdict verdict;
        uint32_t offset;  // of the first byte concerned
        uint32_t other;   // the thread of the other access
    };

    SharedMemory();

    void begin_block(uint32_t warps);

    // The common case: true when the access is of whole cells of a line, and nothing is wrong with it. Otherwise read() and write() tell.
    bool read_aligned(uint32_t offset, uint32_t bytes, uint32_t thread);
    bool write_aligned(uint32_t offset, uint32_t bytes, uint32_t thread);

    Outcome read(uint32_t offset, uint32_t bytes, uint32_t thread);
    Outcome write(uint32_t offset, uint32_t bytes, uint32_t thread);

    // By a product of a warpgroup: through another proxy, to which a thread's writes are there when it has fenced after them.
    Outcome read_by_product(uint32_t offset, uint32_t bytes, uint32_t thread);
    void fence(uint32_t thread) { fences_[thread]++; }

    // An asynchronous copy owns its destination until its end: nothing else may touch it, not even another copy or a store of the thread that issued it.
    Outcome begin_copy(uint32_t offset, uint32_t bytes, uint32_t thread);
    void end_copy(uint32_t offset, uint32_t bytes, uint32_t thread);

    // For atomics, and for single bytes, whose neighbours may be another thread's: written, ordered with everything.
    void write_atomically(uint32_t offset, uint32_t bytes);

    void step(uint32_t warp) { clock_[warp]++; }

    // What a warp that goes on has told a barrier, a clock per warp.
    struct Told {
        uint32_t clock[max_warps] = {};
    };

    void tell(uint32_t warp, Told& told);

    // The warps (a bit each) have met: each knows what all of them knew, and what a barrier was told.
    void meet(uint32_t warps, const Told& told);

private:
    struct alignas(16) Cell {
        uint32_t written;
        uint32_t first_read;
        uint32_t last_read;
        uint32_t fences;  // of the writer when it wrote

        bool operator==(const Cell&) const = default;
    };

    static constexpr uint32_t thread_bits = 10;
    static constexpr uint32_t clock_limit = 1u << (32 - thread_bits);
    static constexpr uint32_t granule = 2;
    static constexpr uint32_t pending = ~0u >> thread_bits;

    static uint32_t thread_of(uint32_t stamp) { return stamp & ((1u << thread_bits) - 1); }
    static uint32_t clock_of(uint32_t stamp) { return stamp >> thread_bits; }
    Cell atomically_written() const { return {start_ << thread_bits, 0, 0, 0}; }
    static bool same_warp_and_clock(uint32_t stamp, uint32_t other) { return (stamp ^ other) < 32; }
    uint32_t stamp(uint32_t thread) const { return clock_[thread / 32] << thread_bits | thread; }

    bool ordered(uint32_t stamp, uint32_t thread) const {
        const uint32_t other = thread_of(stamp), clock = clock_of(stamp);
        if (other == thread || clock <= start_) return true;
        const uint32_t warp = thread / 32, other_warp = other / 32;
        return warp == other_warp ? clock < clock_[warp] : clock <= known_[warp][other_warp];
    }

    static constexpr uint32_t line = 16, line_cells = line / granule;

    // Of how many pairs of bytes a cell may be for an access.
    static uint32_t step_of(uint32_t offset, uint32_t bytes) { return (offset | bytes) % line == 0 ? line_cells : (offset | bytes) % 4 == 0 ? 2 : 1; }

    // Calls each(cell, pair) for the cells of a range until one says no.
    template <class Each>
    void walk(uint32_t offset, uint32_t bytes, Each each);

    template <class Fine>
    bool every(uint32_t offset, uint32_t bytes, Fine is_fine);

    Verdict read_cell(Cell& cell, uint32_t thread, uint32_t mine, bool single) const;
    Verdict write_cell(Cell& cell, uint32_t thread, const Cell& becomes, uint32_t& other) const;
    void refine(uint32_t line, uint32_t step);
    void make_lines(uint32_t offset, uint32_t bytes, const Cell& cell);

    std::vector<Cell> cells_;     // of the lines that have several, the first of each word or pair's
    std::vector<Cell> lines_;     // of the others
    std::vector<uint8_t> steps_;  // by line: how many pairs of bytes a cell is for
    uint32_t pending_cells_ = 0;
    uint32_t start_ = 1;  // clocks of this block come after; this one itself is an atomic write's: ordered before everything
    uint32_t warps_ = 0;
    uint32_t clock_[max_warps];
    uint32_t fences_[max_warps * 32] = {};
    uint32_t known_[max_warps][max_warps];
};

}  // namespace emulator
