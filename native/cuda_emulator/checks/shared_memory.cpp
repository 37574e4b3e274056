#include "shared_memory.h"

#include <algorithm>

namespace emulator {

namespace {

constexpr SharedMemory::Outcome fine{SharedMemory::Verdict::fine, 0, 0};

}  // namespace

SharedMemory::SharedMemory() : cells_(max_bytes / granule, Cell{}), lines_(max_bytes / line, Cell{}), steps_(max_bytes / line, line_cells) { std::fill_n(clock_, max_warps, start_); }

void SharedMemory::begin_block(uint32_t warps) {
    start_ = *std::max_element(clock_, clock_ + max_warps) + 1;
    // A block may end with copies under way.
    if (start_ > clock_limit / 2 || pending_cells_ > 0) {
        std::fill(lines_.begin(), lines_.end(), Cell{});
        start_ = 1;
        pending_cells_ = 0;
    }
    // What earlier blocks left counts as unwritten whichever of a line's cells tells: lines begin whole again, or one kernel's narrow accesses would cost every later one's wide ones.
    std::fill(steps_.begin(), steps_.end(), uint8_t{line_cells});
    warps_ = warps;
    for (uint32_t w = 0; w < max_warps; w++) {
        clock_[w] = start_ + 1;
        std::fill_n(known_[w], max_warps, start_);
    }
}

inline SharedMemory::Verdict SharedMemory::read_cell(Cell& cell, uint32_t thread, uint32_t mine, bool single) const {
    const uint32_t clock = clock_of(cell.written);
    if (clock == pending) return Verdict::pending_copy;
    if (clock < start_) return Verdict::not_written;
    if (single) return Verdict::fine;  // its neighbour may be another thread's: who reads it is not kept
    return may_read(cell, thread, mine) ? Verdict::fine : Verdict::race;
}

// More cells for a line than it has.
inline void SharedMemory::refine(uint32_t i, uint32_t step) {
    Cell* const cells = &cells_[i * line_cells];
    for (uint32_t j = 0; j < line_cells; j += step) cells[j] = steps_[i] == line_cells ? lines_[i] : cells[j / steps_[i] * steps_[i]];
    steps_[i] = static_cast<uint8_t>(step);
}

template <class Each>
inline void SharedMemory::walk(uint32_t offset, uint32_t bytes, Each each) {
    const uint32_t wanted = step_of(offset, bytes), end = offset + bytes;
    for (uint32_t i = offset / line; i * line < end; i++) {
        if (steps_[i] > wanted) refine(i, wanted);
        const uint32_t step = steps_[i];
        if (step == line_cells) {
            if (!each(lines_[i], i * line_cells)) return;
            continue;
        }
        const uint32_t last = std::min((end + granule - 1) / granule, (i + 1) * line_cells);
        for (uint32_t j = std::max(offset / granule, i * line_cells); j < last; j += step) {
            if (!each(cells_[j], j)) return;
        }
    }
}

// Lines as a whole, whatever they were.
inline void SharedMemory::make_lines(uint32_t offset, uint32_t bytes, const Cell& cell) {
    for (uint32_t i = offset / line; i < (offset + bytes) / line; i++) {
        steps_[i] = line_cells;
        lines_[i] = cell;
    }
}

// Whether an access of whole cells of one line is fine by all of them, where it has as many as it asks for. Asked again, a cell that was says the same.
[[gnu::noinline]] bool SharedMemory::read_several(uint32_t offset, uint32_t bytes, uint32_t thread) {
    if (bytes < granule) return false;
    if (steps_[offset / line] > step_of(offset, bytes)) refine(offset / line, step_of(offset, bytes));
    const uint32_t mine = stamp(thread), step = steps_[offset / line];
    for (uint32_t j = offset / granule; j < (offset + bytes) / granule; j += step) {
        if (!may_read(cells_[j], thread, mine)) return false;
    }
    return true;
}

[[gnu::noinline]] bool SharedMemory::write_several(uint32_t offset, uint32_t bytes, uint32_t thread) {
    if (bytes < granule) return false;
    if (steps_[offset / line] > step_of(offset, bytes)) refine(offset / line, step_of(offset, bytes));
    const Cell becomes{stamp(thread), 0, 0, fences_[thread]};
    const uint32_t step = steps_[offset / line];
    for (uint32_t j = offset / granule; j < (offset + bytes) / granule; j += step) {
        if (!may_write(cells_[j], thread, becomes)) return false;
    }
    if (bytes == line) make_lines(offset, bytes, becomes);
    return true;
}

SharedMemory::Outcome SharedMemory::read(uint32_t offset, uint32_t bytes, uint32_t thread) {
    const uint32_t mine = stamp(thread);
    Outcome outcome = fine;
    walk(offset, bytes, [&](Cell& cell, uint32_t pair) {
        const Verdict verdict = read_cell(cell, thread, mine, bytes == 1);
        if (verdict != Verdict::fine) outcome = {verdict, pair * granule, verdict == Verdict::not_written ? thread : thread_of(cell.written)};
        return verdict == Verdict::fine;
    });
    return outcome;
}

SharedMemory::Outcome SharedMemory::read_by_product(uint32_t offset, uint32_t bytes, uint32_t thread) {
    if (bytes == line && offset % line == 0) {
        Cell* const cell = cell_of<line>(offset);
        if (cell && may_read(*cell, thread, stamp(thread)) && cell->fences != fences_[thread_of(cell->written)]) return fine;
    }
    Outcome outcome = read(offset, bytes, thread);
    if (outcome.verdict != Verdict::fine) return outcome;
    walk(offset, bytes, [&](const Cell& cell, uint32_t pair) {
        const uint32_t writer = thread_of(cell.written);
        if (cell.fences == fences_[writer]) outcome = {Verdict::not_fenced, pair * granule, writer};
        return outcome.verdict == Verdict::fine;
    });
    return outcome;
}

inline SharedMemory::Verdict SharedMemory::write_cell(Cell& cell, uint32_t thread, const Cell& becomes, uint32_t& other) const {
    other = cell.written;
    if (clock_of(other) == pending) return Verdict::pending_copy;
    if (!ordered(other, thread)) return Verdict::race;
    other = cell.first_read;
    if (!ordered(other, thread)) return Verdict::race;
    other = cell.last_read;
    if (!ordered(other, thread)) return Verdict::race;
    cell = becomes;
    return Verdict::fine;
}

SharedMemory::Outcome SharedMemory::write(uint32_t offset, uint32_t bytes, uint32_t thread) {
    const Cell becomes{stamp(thread), 0, 0, fences_[thread]};
    Outcome outcome = fine;
    walk(offset, bytes, [&](Cell& cell, uint32_t pair) {
        if (bytes == 1 && clock_of(cell.written) != pending) {
            cell = atomically_written();
            return true;
        }
        uint32_t other;
        const Verdict verdict = write_cell(cell, thread, becomes, other);
        if (verdict != Verdict::fine) outcome = {verdict, bytes == 1 ? offset : pair * granule, thread_of(other)};
        return verdict == Verdict::fine;
    });
    if (outcome.verdict == Verdict::fine && step_of(offset, bytes) == line_cells) make_lines(offset, bytes, becomes);
    return outcome;
}

// What a copy takes, whole lines or a word.
inline void SharedMemory::mark(uint32_t offset, uint32_t bytes, const Cell& becomes) {
    if (step_of(offset, bytes) == line_cells) return make_lines(offset, bytes, becomes);
    walk(offset, bytes, [&](Cell& cell, uint32_t) { return cell = becomes, true; });
}

SharedMemory::Outcome SharedMemory::begin_copy(uint32_t offset, uint32_t bytes, uint32_t thread) {
    if (bytes != line || !write_whole<line>(offset, thread)) {
        const Outcome outcome = write(offset, bytes, thread);
        if (outcome.verdict != Verdict::fine) return outcome;
    }
    mark(offset, bytes, {pending << thread_bits | thread, 0, 0, fences_[thread]});
    pending_cells_ += bytes / granule;
    return fine;
}

void SharedMemory::end_copy(uint32_t offset, uint32_t bytes, uint32_t thread) {
    mark(offset, bytes, {stamp(thread), 0, 0, fences_[thread]});
    pending_cells_ -= bytes / granule;
}

void SharedMemory::write_atomically(uint32_t offset, uint32_t bytes) {
    walk(offset, bytes, [&](Cell& cell, uint32_t) { return cell = atomically_written(), true; });
}

void SharedMemory::tell(uint32_t warp, Told& told) {
    for (uint32_t v = 0; v < warps_; v++) told.clock[v] = std::max(told.clock[v], known_[warp][v]);
    told.clock[warp] = std::max(told.clock[warp], clock_[warp]);
    step(warp);
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
