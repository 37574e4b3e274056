// A block while it runs: its threads as fibers of one host thread, its shared memory, its barriers. A fiber runs until it has to wait for others; then the next
// one that can run does. Nothing here is shared between host threads but the launch.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "../checks/finding.h"
#include "../checks/shared_memory.h"
#include "../fibers/context.h"
#include "../fibers/stacks.h"
#include "launch.h"
#include "warp.h"

namespace emulator {

class Block;

struct AsyncCopy {
    uint8_t* shared;
    const uint8_t* global;
    uint32_t bytes;
    uint32_t source_bytes;
    uint32_t group;
};

// What a switch touches lies on one line of the cache.
struct alignas(64) Thread {
    Context context;
    Block* block = nullptr;
    Warp* warp = nullptr;
    uint32_t index = 0;
    uint32_t lane = 0;
    uintptr_t stack = 0;  // lowest address of the one that it runs on
    bool checked = true;  // as the launch
    bool awaited = true;  // what the kernels before this one have written
    bool begun = false;
    uint32_t exchanges = 0;  // that this lane is done with
    uint32_t group = 0;   // of asynchronous copies, that is being filled
    std::vector<AsyncCopy> copies;
};

class Block {
public:
    static constexpr uint32_t max_threads = 1024;
    static constexpr uint32_t max_barriers = 16;

    Block();
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block();

    // Runs one block of the launch. False when a check found something: the block is left where it stood.
    bool run(const Launch& launch, uint64_t number);

    const Launch& launch() const { return *launch_; }
    uint32_t index(int axis) const { return index_[axis]; }
    uint32_t warps() const { return warp_count_; }

    uint8_t* shared() const { return shared_; }
    bool owns_shared(uintptr_t address) const { return offset_in_shared(address) < shared_reserved; }
    uintptr_t offset_in_shared(uintptr_t address) const { return address - reinterpret_cast<uintptr_t>(shared_); }
    uint32_t shared_bytes() const { return shared_bytes_; }
    SharedMemory& shared_checks() { return shared_checks_; }

    // Counts an access; a block that makes more than the limit is waiting for what will not come.
    void spend() {
        if (__builtin_expect(--accesses_left_ < 0, 0)) fail_endless();
    }

    void wait_at_barrier(uint32_t id, uint32_t threads);

    // A whole warp counts for a barrier and goes on; what it waits at (Warp::qualifier) is id << 16 | threads.
    void arrive_at_barrier(const Warp& warp);

    // The four warps of a warpgroup begin the same products in the same order.
    void agree_in_warpgroup(Warp& warp, uint64_t product);


    // Ends the block: control does not come back.
    [[noreturn]] void fail(FindingKind kind, uint64_t address, std::string detail);

private:
    friend void meet(Operation operation, uint32_t qualifier);
    friend uint32_t exchange(Operation operation, uint32_t word, uint32_t from);

    static constexpr size_t shared_reserved = 1 << 20;  // more than a device has: what lies just past the end is still known as shared memory

    struct Barrier {
        uint32_t expected = 0;
        uint32_t arrived = 0;
        uint32_t waiting[SharedMemory::max_warps] = {};
        SharedMemory::Told told;
    };

    static void thread_main();

    void prepare_threads();
    void wait(Thread& self);
    void sleep_until(Thread& self, uint32_t lane);
    void switch_to(Thread& self, Thread& other);
    void leave_for_another();
    Thread& successor(Thread& self);
    void end(Thread& self);
    void complete(Warp& warp);
    void begin_exchange(Thread& self, Operation operation);
    uint32_t begin_and_go_through(Operation operation, uint32_t word, uint32_t from);
    uint32_t go_through(Thread& self, Operation operation, uint32_t word, uint32_t from);
    uint32_t take_later(uint32_t from);
    void check_exchanges(const Thread& self, Operation operation);
    [[noreturn]] void fail_endless();
    [[noreturn]] void fail_meeting(Operation operation, Operation others);
    [[noreturn]] void fail_barrier(uint32_t id, uint32_t threads);
    Thread* next();
    Barrier& open_barrier(uint32_t id, uint32_t threads);
    void release(Barrier& barrier);
    void make_runnable(uint32_t warp, uint32_t lanes);
    void report_deadlock();
    void check_barriers();
    uint64_t random();

    const Launch* launch_ = nullptr;
    uint32_t index_[3] = {};
    uint32_t warp_count_ = 0;
    uint32_t live_ = 0;
    uint32_t ready_warps_ = 0;
    bool failed_ = false;
    uint64_t random_ = 0;
    int64_t accesses_left_ = 0;
    uint8_t* shared_ = nullptr;
    uint32_t shared_bytes_ = 0;
    Context host_;
    Stacks stacks_;
    SharedMemory shared_checks_;
    Barrier barriers_[max_barriers];
    std::vector<uint64_t> warpgroup_products_[SharedMemory::max_warps / 4];
    std::unique_ptr<Thread[]> threads_;
    std::unique_ptr<Warp[]> warps_;
};

// The thread whose fiber runs on this host thread, or null.
extern thread_local Thread* current __attribute__((tls_model("initial-exec")));

inline void Block::switch_to(Thread& self, Thread& other) {
    current = &other;
    switch_context(self.context, other.context);
}

// Takes the caller off its warp's runnable lanes, and goes on with another thread. Nearly every switch is the one to the next lane of the same warp.
inline void Block::wait(Thread& self) {
    Warp& warp = *self.warp;
    const uint32_t bit = 1u << self.lane, runnable = warp.runnable &= ~bit;
    if (__builtin_expect(random_ != 0 || runnable == 0, 0)) return leave_for_another();
    Thread* other = &self + 1;
    if (__builtin_expect((runnable & bit << 1) == 0, 0)) {
        const uint32_t after = runnable & ~((2u << self.lane) - 1);
        other = &threads_[warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(after ? after : runnable))];
        asm("" : "+r"(other));  // stays a branch: a processor that guesses it right need not wait for the mask before it goes on there
    }
    switch_to(self, *other);  // from one place, where the other one mostly goes on, too
}

// Until that lane of the same warp has come to an exchange again, which it is the first to be let do.
inline void Block::sleep_until(Thread& self, uint32_t lane) {
    self.warp->awaited_by[lane] |= 1u << self.lane;
    wait(self);
}

// All lanes of a warp go through the same exchanges between the same meetings.
inline void Block::check_exchanges(const Thread& self, Operation operation) {
    const Warp& warp = *self.warp;
    if (__builtin_expect(self.exchanges != warp.begun_exchanges, 0)) fail_meeting(operation, warp.exchanges[self.exchanges % Warp::kept_exchanges].operation);
}

// Every lane of the caller's warp comes here with the same operation; the last one carries it out, and all go on.
inline void meet(Operation operation, uint32_t qualifier) {
    Thread& self = *current;
    Block& block = *self.block;
    Warp& warp = *self.warp;
    block.check_exchanges(self, operation);
    if (warp.arrived == 0) {
        warp.operation = operation;
        warp.qualifier = qualifier;
    } else if (__builtin_expect(warp.operation != operation || warp.qualifier != qualifier, 0)) {
        block.fail_meeting(operation, warp.operation);
    }
    warp.arrived |= 1u << self.lane;
    if (__builtin_expect(warp.arrived == warp.members, 0)) return block.complete(warp);
    block.wait(self);
}

// Brings a word to the warp's next exchange and takes what another lane brings.
inline uint32_t exchange(Operation operation, uint32_t word, uint32_t from) {
    Thread& self = *current;
    if (self.exchanges == self.warp->begun_exchanges) return self.block->begin_and_go_through(operation, word, from);
    return self.block->go_through(self, operation, word, from);
}

inline uint32_t Block::go_through(Thread& self, Operation operation, uint32_t word, uint32_t from) {
    Warp& warp = *self.warp;
    Exchange& exchange = warp.exchanges[self.exchanges % Warp::kept_exchanges];
    if (__builtin_expect(exchange.operation != operation, 0)) fail_meeting(operation, exchange.operation);
    const uint32_t bit = 1u << self.lane, brought = exchange.brought |= bit;
    exchange.words[self.lane] = word;
    warp.runnable |= warp.awaited_by[self.lane];
    warp.awaited_by[self.lane] = 0;
    if (!(brought >> from & 1)) return take_later(from);
    exchange.taken |= bit;
    self.exchanges++;
    return exchange.words[from];
}

}  // namespace emulator
