#include "shared_memory.h"

#include <algorithm>

namespace emulator {

namespace {

constexpr SharedMemory::Outcome fine{SharedMemory::Verdict::fine, 0, 0};

}  // namespace

SharedMemory::SharedMemory() : cells_(max_bytes / granule, Cell{}) { std::fill_n(clock_, max_warps, start_); }

void SharedMemory::begin_block(uint32_t warps) {
    start_ = *std::max_element(clock_, clock_ + max_warps) + 1;
    // A block may end with copies under way.
    if (start_ > clock_limit / 2 || pending_cells_ > 0) {
        std::fill(cells_.begin(), cells_.end(), Cell{});
        start_ = 1;
        pending_cells_ = 0;
    }
    warps_ = warps;
    for (uint32_t w = 0; w < max_warps; w++) {
        clock_[w] = start_ + 1;
        std::fill_n(known_[w], max_warps, 0u);
    }
}

SharedMemory::Outcome SharedMemory::read(uint32_t offset, uint32_t bytes, uint32_t thread) {
    const uint32_t mine = stamp(thread);
    Cell judged{}, becomes{};  // the last cell, as it was and as it is now: what lies side by side was mostly touched together
    for (uint32_t i = offset / granule; i < (offset + bytes + granule - 1) / granule; i++) {
        Cell& cell = cells_[i];
        if (cell.last_read == mine) continue;  // nothing has been written since: a write forgets the readers
        if (becomes.last_read == mine && cell == judged) {
            cell = becomes;
            continue;
        }
        const uint32_t clock = clock_of(cell.written);
        if (clock == pending) return {Verdict::pending_copy, i * granule, thread_of(cell.written)};
        if (clock < start_) return {Verdict::not_written, i * granule, thread};
        if (bytes == 1) continue;
        if (!ordered(cell.written, thread)) return {Verdict::race, i * granule, thread_of(cell.written)};
        judged = cell;
        if (ordered(cell.first_read, thread)) cell.first_read = ordered(cell.last_read, thread) ? mine : cell.last_read;
        cell.last_read = mine;
        becomes = cell;
    }
    return fine;
}

SharedMemory::Outcome SharedMemory::read_by_product(uint32_t offset, uint32_t bytes, uint32_t thread) {
    const Outcome outcome = read(offset, bytes, thread);
    if (outcome.verdict != Verdict::fine) return outcome;
    for (uint32_t i = offset / granule; i < (offset + bytes) / granule; i++) {
        const uint32_t writer = thread_of(cells_[i].written);
        if (cells_[i].fences == fences_[writer]) return {Verdict::not_fenced, i * granule, writer};
    }
    return fine;
}

SharedMemory::Outcome SharedMemory::write(uint32_t offset, uint32_t bytes, uint32_t thread) {
    if (bytes == 1) {
        if (clock_of(cells_[offset / granule].written) == pending) return {Verdict::pending_copy, offset, thread_of(cells_[offset / granule].written)};
        write_atomically(offset, 1);
        return fine;
    }
    const Cell becomes{stamp(thread), 0, 0, fences_[thread]};
    Cell judged = becomes;  // the last one: what lies side by side was mostly touched together
    for (uint32_t i = offset / granule; i < (offset + bytes + granule - 1) / granule; i++) {
        Cell& cell = cells_[i];
        if (cell == judged) {
            cell = becomes;
            continue;
        }
        if (clock_of(cell.written) == pending) return {Verdict::pending_copy, i * granule, thread_of(cell.written)};
        if (!ordered(cell.written, thread)) return {Verdict::race, i * granule, thread_of(cell.written)};
        if (!ordered(cell.first_read, thread)) return {Verdict::race, i * granule, thread_of(cell.first_read)};
        if (!ordered(cell.last_read, thread)) return {Verdict::race, i * granule, thread_of(cell.last_read)};
        judged = cell;
        cell = becomes;
    }
    return fine;
}

SharedMemory::Outcome SharedMemory::begin_copy(uint32_t offset, uint32_t bytes, uint32_t thread) {
    const Outcome outcome = write(offset, bytes, thread);
    if (outcome.verdict != Verdict::fine) return outcome;
    for (uint32_t i = offset / granule; i < (offset + bytes) / granule; i++) cells_[i].written = pending << thread_bits | thread;
    pending_cells_ += bytes / granule;
    return outcome;
}

void SharedMemory::end_copy(uint32_t offset, uint32_t bytes, uint32_t thread) {
    for (uint32_t i = offset / granule; i < (offset + bytes) / granule; i++) cells_[i] = {stamp(thread), 0, 0, fences_[thread]};
    pending_cells_ -= bytes / granule;
}

void SharedMemory::write_atomically(uint32_t offset, uint32_t bytes) {
    for (uint32_t i = offset / granule; i < (offset + bytes + granule - 1) / granule; i++) cells_[i] = {start_ << thread_bits, 0, 0, 0};
}

void SharedMemory::tell(uint32_t warp, Told& told) {
    for (uint32_t v = 0; v < warps_; v++) told.clock[v] = std::max(told.clock[v], known_[warp][v]);
    told.clock[warp] = std::max(told.clock[warp], clock_[warp]);
    clock_[warp]++;
}

void SharedMemory::meet(uint32_t warps, const Told& told) {
    uint32_t joined[max_warps];
    std::copy_n(told.clock, max_warps, joined);
    for (uint32_t w = 0; w < warps_; w++) {
        if (!(warps >> w & 1)) continue;
        for (uint32_t v = 0; v < warps_; v++) joined[v] = std::max(joined[v], known_[w][v]);
        joined[w] = std::max(joined[w], clock_[w]);
    }
    for (uint32_t w = 0; w < warps_; w++) {
        if (!(warps >> w & 1)) continue;
        std::copy_n(joined, warps_, known_[w]);
        clock_[w]++;
    }
}

}  // namespace emulator
