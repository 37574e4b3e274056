#include "block.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

namespace emulator {

namespace {

constexpr uint32_t stack_shift = 9 * 64;

}  // namespace

thread_local Thread* current __attribute__((tls_model("initial-exec"))) = nullptr;

Block::Block() : threads_(new Thread[max_threads]), warps_(new Warp[SharedMemory::max_warps]) {
    void* memory = mmap(nullptr, shared_reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    shared_ = static_cast<uint8_t*>(memory);
}

Block::~Block() { munmap(shared_, shared_reserved); }

uint64_t Block::random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
}

bool Block::run(const Launch& launch, uint64_t number) {
    launch_ = &launch;
    index_[0] = static_cast<uint32_t>(number % launch.grid[0]);
    index_[1] = static_cast<uint32_t>(number / launch.grid[0] % launch.grid[1]);
    index_[2] = static_cast<uint32_t>(number / launch.grid[0] / launch.grid[1]);
    failed_ = false;
    accesses_left_ = launch.access_limit;
    random_ = launch.seed == 0 ? 0 : (launch.seed + number + 1) * 0x9e3779b97f4a7c15ull | 1;
    prepare_threads();
    shared_checks_.begin_block(warp_count_);
    shared_bytes_ = launch.shared_bytes;
    std::memset(shared_, 0xff, launch.shared_bytes);  // NaN in every float format: what is used unwritten shows even with checks off
    for (auto& barrier : barriers_) barrier = {};
    for (auto& products : warpgroup_products_) products.clear();

    Thread* const outer = current;
    current = next();
    switch_context(host_, current->context);
    current = outer;
    return !failed_;
}

void Block::prepare_threads() {
    const uint32_t count = launch_->threads;
    warp_count_ = (count + 31) / 32;
    live_ = count;
    ready_warps_ = 0;
    for (uint32_t w = 0; w < warp_count_; w++) {
        Warp& warp = warps_[w];
        warp.index = w;
        warp.members = count - w * 32 >= 32 ? ~0u : (1u << (count - w * 32)) - 1;
        warp.runnable = warp.members;
        warp.finished = warp.at_barrier = warp.arrived = 0;
        warp.begun.clear();
        warp.begun_count = warp.product_group = 0;
        warp.fenced = false;
        warp.begun_exchanges = 0;
        std::fill_n(warp.awaited_by, 32, 0u);
        ready_warps_ |= 1u << w;
    }
    for (uint32_t i = 0; i < count; i++) {
        Thread& thread = threads_[i];
        uint8_t* stack = stacks_.at(i);
        thread.block = this;
        thread.warp = &warps_[i / 32];
        thread.index = i;
        thread.lane = i % 32;
        thread.stack = reinterpret_cast<uintptr_t>(stack);
        thread.checked = launch_->checked;
        thread.awaited = !launch_->early;
        thread.begun = false;
        thread.exchanges = 0;
        thread.group = 0;
        thread.copies.clear();
        // Stacks that all began at the same place of a page would fight for the same few lines of the first-level cache.
        prepare(thread.context, stack, Stacks::bytes - i * stack_shift % 4096, &thread_main);
    }
}

void Block::thread_main() {
    Block& block = *current->block;
    const uintptr_t stack = current->stack;
    for (;;) {
        Thread& self = *current;
        self.begun = true;
        self.stack = stack;
        block.launch_->kernel->entry(block.launch_->params.data());
        block.end(self);
        Thread& other = block.successor(self);
        // One that has not begun does so on this stack, which is in the caches, in place of one of its own.
        if (other.begun) block.switch_to(self, other);
        current = &other;
    }
}

void Block::end(Thread& self) {
    Warp& warp = *self.warp;
    const uint32_t bit = 1u << self.lane;
    check_exchanges(self, Operation::none);
    warp.finished |= bit;
    if (!self.awaited) fail(FindingKind::producers_not_awaited, 0, "a thread of a kernel that was launched early returns without await_producers()");
    if (warp.finished == warp.members && !warp.begun.empty()) fail(FindingKind::product_not_awaited, 0, "the warp's last thread returns while products are on the way");
    warp.runnable &= ~bit;
    live_--;
}

// Lanes of one warp in turn, then the next warp; with a seed, anyone.
Thread* Block::next() {
    if (ready_warps_ == 0) return nullptr;
    uint32_t warp = current && current->block == this ? current->warp->index : 0;
    uint32_t lane = current && current->block == this ? current->lane : 0;
    if (random_ != 0) {
        const uint64_t r = random();
        lane = r & 31;
        if ((r >> 8 & 3) == 0) warp = r >> 16 & 31;
    }
    while (!(ready_warps_ >> warp & 1)) warp = (warp + 1) % 32;
    const uint32_t runnable = warps_[warp].runnable;
    const uint32_t after = runnable & ~((2u << lane) - 1);
    lane = static_cast<uint32_t>(__builtin_ctz(after ? after : runnable));
    return &threads_[warp * 32 + lane];
}

// Who goes on for a thread that has taken itself off its warp's runnable lanes. Where nobody can, the block has ended, or is stuck.
Thread& Block::successor(Thread& self) {
    if (self.warp->runnable == 0) ready_warps_ &= ~(1u << self.warp->index);
    if (Thread* const other = next()) return *other;
    if (live_ > 0) report_deadlock();
    check_barriers();
    switch_context(self.context, host_);
    __builtin_unreachable();
}

void Block::leave_for_another() {
    Thread& self = *current;
    Thread& other = successor(self);
    if (&other != &self) switch_to(self, other);
}

void Block::make_runnable(uint32_t warp, uint32_t lanes) {
    warps_[warp].runnable |= lanes;
    if (warps_[warp].runnable != 0) ready_warps_ |= 1u << warp;
}

void Block::complete(Warp& warp) {
    warp.arrived = 0;
    carry_out(warp);
    if (warp.operation == Operation::warp_sync) shared_checks_.step(warp.index);
    make_runnable(warp.index, warp.members);
    if (random_ != 0) leave_for_another();
}

// The first lane of a warp at an exchange. There is room for it when all are done with the one that was there before.
void Block::begin_exchange(Thread& self, Operation operation) {
    Warp& warp = *self.warp;
    const uint32_t number = self.exchanges;
    Exchange& exchange = warp.exchanges[number % Warp::kept_exchanges];
    while (number >= Warp::kept_exchanges && warp.begun_exchanges == number && exchange.taken != warp.members) {
        sleep_until(self, static_cast<uint32_t>(__builtin_ctz(warp.members & ~exchange.taken)));
    }
    if (warp.begun_exchanges != number) return;  // by another lane meanwhile
    if (warp.arrived != 0) fail_meeting(operation, warp.operation);
    if (warp.at_barrier != 0) fail_meeting(operation, Operation::barrier);
    if (warp.finished != 0) fail_meeting(operation, Operation::none);
    exchange.operation = operation;
    exchange.brought = ~warp.members;
    exchange.taken = 0;
    warp.begun_exchanges++;
}

[[gnu::noinline]] uint32_t Block::begin_and_go_through(Operation operation, uint32_t word, uint32_t from) {
    Thread& self = *current;
    begin_exchange(self, operation);
    return go_through(self, operation, word, from);
}

// What that lane has not brought yet.
[[gnu::noinline]] uint32_t Block::take_later(uint32_t from) {
    Thread& self = *current;
    Warp& warp = *self.warp;
    Exchange& exchange = warp.exchanges[self.exchanges % Warp::kept_exchanges];
    while (!(exchange.brought >> from & 1)) sleep_until(self, from);
    exchange.taken |= 1u << self.lane;
    self.exchanges++;
    return exchange.words[from];
}

Block::Barrier& Block::open_barrier(uint32_t id, uint32_t threads) {
    if (id >= max_barriers || threads == 0 || threads % 32 != 0 || threads > warp_count_ * 32) fail_barrier(id, threads);
    Barrier& barrier = barriers_[id];
    if (barrier.arrived != 0 && barrier.expected != threads) fail_barrier(id, threads);
    barrier.expected = threads;
    return barrier;
}

void Block::arrive_at_barrier(const Warp& warp) {
    Barrier& barrier = open_barrier(warp.qualifier >> 16, warp.qualifier & 0xffff);
    shared_checks_.tell(warp.index, barrier.told);
    barrier.arrived += 32;
    if (barrier.arrived >= barrier.expected) release(barrier);
}

void Block::agree_in_warpgroup(Warp& warp, uint64_t product) {
    auto& products = warpgroup_products_[warp.index / 4];
    if (warp.begun_count == products.size()) products.push_back(product);
    if (products[warp.begun_count++] != product) fail(FindingKind::divergent, 0, "warps of a warpgroup begin different products");
}

void Block::wait_at_barrier(uint32_t id, uint32_t threads) {
    Barrier& barrier = open_barrier(id, threads);
    Warp& warp = *current->warp;
    const uint32_t bit = 1u << current->lane;
    check_exchanges(*current, Operation::barrier);
    warp.at_barrier |= bit;
    barrier.waiting[warp.index] |= bit;
    // Lanes that do not exist count as arrived with the first of their warp.
    barrier.arrived += barrier.waiting[warp.index] == bit ? 1 + 32 - static_cast<uint32_t>(__builtin_popcount(warp.members)) : 1;
    if (barrier.arrived >= barrier.expected) {
        release(barrier);
        if (random_ != 0) leave_for_another();
        return;
    }
    wait(*current);
}

void Block::release(Barrier& barrier) {
    uint32_t met = 0;
    for (uint32_t w = 0; w < warp_count_; w++) {
        const uint32_t lanes = barrier.waiting[w];
        if (lanes == 0) continue;
        if (lanes != warps_[w].members) fail(FindingKind::divergent, 0, "a barrier that only some lanes of warp " + std::to_string(w) + " have come to");
        met |= 1u << w;
        warps_[w].at_barrier = 0;
    }
    shared_checks_.meet(met, barrier.told);
    for (uint32_t w = 0; w < warp_count_; w++) make_runnable(w, barrier.waiting[w]);
    barrier = {};
}

[[gnu::cold]] void Block::fail_endless() { fail(FindingKind::endless, 0, "a loop that nothing ends: another block is not run meanwhile"); }

[[gnu::cold]] void Block::fail_meeting(Operation operation, Operation others) {
    fail(FindingKind::divergent, 0, std::string("lane ") + std::to_string(current->lane) + " is at " + name_of(operation) + " while others of its warp are at " + name_of(others));
}

[[gnu::cold]] void Block::fail_barrier(uint32_t id, uint32_t threads) {
    const std::string barrier = "barrier " + std::to_string(id) + " over " + std::to_string(threads) + " threads";
    if (id >= max_barriers || threads == 0 || threads % 32 != 0 || threads > warp_count_ * 32) fail(FindingKind::divergent, 0, barrier + " does not exist");
    fail(FindingKind::divergent, 0, barrier + ", while others wait for " + std::to_string(barriers_[id].expected));
}

// Called when all threads have returned: who arrived at a barrier and went on is still to be met there.
void Block::check_barriers() {
    for (uint32_t id = 0; id < max_barriers; id++) {
        if (barriers_[id].arrived == 0) continue;
        fail(FindingKind::divergent, 0,
             "the block ends with " + std::to_string(barriers_[id].arrived) + " of " + std::to_string(barriers_[id].expected) + " threads at barrier " + std::to_string(id));
    }
}

void Block::report_deadlock() {
    std::string detail;
    for (uint32_t w = 0; w < warp_count_ && detail.size() < 600; w++) {
        const Warp& warp = warps_[w];
        char lanes[32];
        const auto add = [&](const char* what, uint32_t mask) {
            if (mask == 0) return;
            std::snprintf(lanes, sizeof lanes, "0x%08x", mask);
            detail += (detail.empty() ? "" : "; ") + std::string("warp ") + std::to_string(w) + " lanes " + lanes + " " + what;
        };
        add("have returned", warp.finished);
        uint32_t asleep = 0;
        for (const uint32_t lanes : warp.awaited_by) asleep |= lanes;
        add("wait for another at a shuffle", asleep);
        if (warp.arrived != 0) add((std::string("wait at ") + name_of(warp.operation)).c_str(), warp.arrived);
        for (uint32_t id = 0; id < max_barriers; id++) add(("wait at barrier " + std::to_string(id)).c_str(), barriers_[id].waiting[w]);
    }
    fail(FindingKind::divergent, 0, detail);
}

void Block::fail(FindingKind kind, uint64_t address, std::string detail) {
    Findings::add({kind, launch_->device, launch_->kernel->name, {index_[0], index_[1], index_[2]}, current->index, address, std::move(detail)});
    failed_ = true;
    switch_context(current->context, host_);
    __builtin_unreachable();
}

}  // namespace emulator
