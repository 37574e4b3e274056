#include "communicator.h"

#include <algorithm>
#include <cstring>

#include "../checks/allocations.h"
#include "../checks/finding.h"
#include "../checks/global_memory.h"

namespace emulator {

namespace {

// ncclDataType_t
enum { i32 = 2, f32 = 7, bf16 = 9 };

float widened(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }

uint16_t rounded(float x) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, x);
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

template <class T>
T reduced(int reduction, T a, T b) {
    return reduction == 0 ? a + b : reduction == 1 ? a * b : reduction == 2 ? std::max(a, b) : std::min(a, b);
}

// bf16 in fp32 with one rounding. Which rank comes first depends on the count, as real orders do: who needs one order must not leave it to this.
template <class Stored, class Value, class Load, class Store>
void reduce(const std::vector<Part>& parts, Load load, Store store) {
    std::vector<Stored> result(parts[0].count);
    const size_t first = (static_cast<uint32_t>(parts[0].count) * 2654435761u >> 16) % parts.size();
    for (size_t i = 0; i < result.size(); i++) {
        const auto sent = [&](size_t rank) { return load(reinterpret_cast<const Stored*>(parts[(first + rank) % parts.size()].send)[i]); };
        Value value = sent(0);
        for (size_t rank = 1; rank < parts.size(); rank++) value = reduced(parts[0].reduction, value, sent(rank));
        result[i] = store(value);
    }
    for (const Part& part : parts) std::memcpy(reinterpret_cast<void*>(part.receive), result.data(), result.size() * sizeof(Stored));
}

void gather(const std::vector<Part>& parts) {
    const size_t bytes = parts[0].count * element_bytes(parts[0].type);
    std::vector<uint8_t> all(bytes * parts.size());
    for (size_t rank = 0; rank < parts.size(); rank++) std::memcpy(&all[rank * bytes], reinterpret_cast<const void*>(parts[rank].send), bytes);
    for (const Part& part : parts) std::memcpy(reinterpret_cast<void*>(part.receive), all.data(), all.size());
}

}  // namespace

size_t element_bytes(int type) { return type == bf16 ? 2 : type == f32 || type == i32 ? 4 : 0; }

bool Clique::complete() const {
    return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.context != nullptr; });
}

bool Clique::all_at(uint64_t number) const {
    return std::all_of(ranks_.begin(), ranks_.end(), [=](const Rank& rank) { return rank.met > number; });
}

void Clique::abort(int rank) {
    ranks_[static_cast<size_t>(rank)].aborted = true;
    changed.notify_all();
}

Result Clique::meet(int rank, const Part& part) {
    Rank& self = ranks_[static_cast<size_t>(rank)];
    const uint64_t number = self.met++;
    self.waiting.push_back(part);
    note_progress();
    Patience patience;
    while (done_ <= number) {
        if (self.aborted) return Result::success;
        if (result_ != Result::success) return result_;
        if (all_at(number)) {
            result_ = carry_out();
            done_++;
            changed.notify_all();
            return result_;
        }
        // Bring the others here, as far as their work is queued: those that this very thread queues for. A rank with a thread of its own comes by itself; run from here,
        // what it has behind this part could wait for this rank, which waits below on the same stack.
        bool advanced = false;
        for (Rank& other : ranks_) {
            if (other.met > number || !other.stream || other.host != std::this_thread::get_id() || other.context->error != Result::success) continue;
            const std::shared_ptr<Stream> stream = other.stream;
            if (!stream->running) advanced = advance(*stream) || advanced;
        }
        if (!advanced && done_ <= number && !all_at(number) && !patience.wait()) {
            Findings::add({FindingKind::divergent, self.context->device, "nccl", {0, 0, 0}, 0, 0, "a rank has not come to the collective that another waits in"});
            return result_ = Result::launch_failed;
        }
    }
    return result_;
}

Result Clique::carry_out() {
    std::vector<Part> parts;
    for (Rank& rank : ranks_) {
        parts.push_back(rank.waiting.front());
        rank.waiting.pop_front();
    }
    const size_t bytes = parts[0].count * element_bytes(parts[0].type);
    const size_t received = parts[0].kind == Collective::all_gather ? bytes * parts.size() : bytes;
    for (size_t i = 0; i < parts.size(); i++) {
        const Part& part = parts[i];
        const bool live = part.fits(parts[0]) && is_live(part.send, bytes) && is_live(part.receive, received);
        if (live && GlobalMemory::written(part.send, bytes)) continue;
        const char* const what = !part.fits(parts[0]) ? "the ranks do not call for the same collective" : live ? "what it sends has not been written" : "a buffer outside device memory";
        Findings::add({live ? FindingKind::uninitialised_read : FindingKind::out_of_bounds, ranks_[i].context->device, "nccl", {0, 0, 0}, 0, part.send, what});
        return Result::illegal_address;
    }
    if (parts[0].kind == Collective::all_gather) {
        gather(parts);
    } else if (parts[0].type == f32) {
        reduce<float, float>(parts, [](float x) { return x; }, [](float x) { return x; });
    } else if (parts[0].type == bf16) {
        reduce<uint16_t, float>(parts, widened, rounded);
    } else {
        reduce<int32_t, int32_t>(parts, [](int32_t x) { return x; }, [](int32_t x) { return x; });
    }
    for (const Part& part : parts) GlobalMemory::mark_written(part.receive, received);
    return Result::success;
}

}  // namespace emulator
