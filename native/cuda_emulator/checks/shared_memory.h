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

    // The common case: true when the access, whose offset is a multiple of it, is of whole cells of a line, and nothing is wrong with it. Otherwise read() and write() tell.
    template <uint32_t bytes>
    bool read_whole(uint32_t offset, uint32_t thread);
    template <uint32_t bytes>
    bool write_whole(uint32_t offset, uint32_t thread);

    // The commonest: true when a read like this one has been found to be fine.
    template <uint32_t bytes>
    bool has_read(uint32_t offset, uint32_t thread);

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

    void step(uint32_t warp) { known_[warp][warp] = clock_[warp]++; }

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
        const uint32_t other = thread_of(stamp);
        return other == thread || clock_of(stamp) <= known_[thread / 32][other / 32];
    }

    static constexpr uint32_t line = 16, line_cells = line / granule;

    // Of how many pairs of bytes a cell may be for an access.
    static uint32_t step_of(uint32_t offset, uint32_t bytes) { return (offset | bytes) % line == 0 ? line_cells : (offset | bytes) % 4 == 0 ? 2 : 1; }

    // Calls each(cell, pair) for the cells of a range until one says no.
    template <class Each>
    void walk(uint32_t offset, uint32_t bytes, Each each);

    // The cell that an access of these bytes has to itself; null where it is none, or one of a larger cell.
    template <uint32_t bytes>
    Cell* cell_of(uint32_t offset);

    bool read_several(uint32_t offset, uint32_t bytes, uint32_t thread);
    bool write_several(uint32_t offset, uint32_t bytes, uint32_t thread);

    Verdict read_cell(Cell& cell, uint32_t thread, uint32_t mine, bool single) const;
    Verdict write_cell(Cell& cell, uint32_t thread, const Cell& becomes, uint32_t& other) const;
    bool has_read(const Cell& cell, uint32_t mine) const;
    bool may_read(Cell& cell, uint32_t thread, uint32_t mine) const;
    bool may_write(Cell& cell, uint32_t thread, const Cell& becomes) const;
    void refine(uint32_t line, uint32_t step);
    void make_lines(uint32_t offset, uint32_t bytes, const Cell& cell);
    void mark(uint32_t offset, uint32_t bytes, const Cell& becomes);

    std::vector<Cell> cells_;     // of the lines that have several, the first of each word or pair's
    std::vector<Cell> lines_;     // of the others
    std::vector<uint8_t> steps_;  // by line: how many pairs of bytes a cell is for
    uint32_t pending_cells_ = 0;
    uint32_t start_ = 1;  // clocks of this block come after; this one itself is an atomic write's: ordered before everything
    uint32_t warps_ = 0;
    uint32_t clock_[max_warps];
    uint32_t fences_[max_warps * 32] = {};
    uint32_t known_[max_warps][max_warps];  // of each warp, up to which clock of another what that one did came before: start_ at least; of its own, all but the present one
};

// Nothing has been written since: a write forgets the readers. Or two of this warp's lanes have read since its last meeting, one at least of which has not written: what holds for it
// holds for this one, and nothing follows from a third.
inline bool SharedMemory::has_read(const Cell& cell, uint32_t mine) const {
    return cell.last_read == mine || (cell.first_read != cell.last_read && same_warp_and_clock(cell.first_read, mine) && same_warp_and_clock(cell.last_read, mine));
}

inline bool SharedMemory::may_read(Cell& cell, uint32_t thread, uint32_t mine) const {
    if (has_read(cell, mine)) return true;
    if (clock_of(cell.written) - start_ >= pending - start_ || !ordered(cell.written, thread)) return false;
    if (ordered(cell.first_read, thread)) cell.first_read = ordered(cell.last_read, thread) ? mine : cell.last_read;
    cell.last_read = mine;
    return true;
}

inline bool SharedMemory::may_write(Cell& cell, uint32_t thread, const Cell& becomes) const {
    if (clock_of(cell.written) == pending || !ordered(cell.written, thread) || !ordered(cell.first_read, thread) || !ordered(cell.last_read, thread)) return false;
    cell = becomes;
    return true;
}

template <uint32_t bytes>
inline SharedMemory::Cell* SharedMemory::cell_of(uint32_t offset) {
    if (steps_[offset / line] * granule != bytes) return nullptr;
    return bytes == line ? &lines_[offset / line] : &cells_[offset / granule];
}

template <uint32_t bytes>
inline bool SharedMemory::has_read(uint32_t offset, uint32_t thread) {
    const uint32_t mine = stamp(thread);
    if (const Cell* const cell = cell_of<bytes>(offset)) return has_read(*cell, mine);
    if (bytes != 8 || steps_[offset / line] * granule != 4) return false;
    return has_read(cells_[offset / granule], mine) && has_read(cells_[offset / granule + 4 / granule], mine);
}

template <uint32_t bytes>
inline bool SharedMemory::read_whole(uint32_t offset, uint32_t thread) {
    if (Cell* const cell = cell_of<bytes>(offset)) return may_read(*cell, thread, stamp(thread));
    return read_several(offset, bytes, thread);
}

template <uint32_t bytes>
inline bool SharedMemory::write_whole(uint32_t offset, uint32_t thread) {
    if (Cell* const cell = cell_of<bytes>(offset)) return may_write(*cell, thread, {stamp(thread), 0, 0, fences_[thread]});
    return write_several(offset, bytes, thread);
}

}  // namespace emulator
