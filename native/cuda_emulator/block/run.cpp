// Deals the blocks of a launch, and the parts of a product, to host threads. The calling thread is one of them; the others sleep between launches that are far apart.
#include <pthread.h>
#include <sched.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "../settings.h"
#include "block.h"

namespace emulator {

namespace {

// What is dealt, part by part; false when nothing more of it need be done. The block is the host thread's own.
using Part = std::function<bool(Block& block, uint64_t number)>;

struct Deal {
    const Part& part;
    const uint64_t total;
    std::atomic<uint64_t> next{0};
    std::atomic<bool> failed{false};

    void work(Block& block) {
        for (uint64_t i; !failed.load(std::memory_order_relaxed) && (i = next.fetch_add(1, std::memory_order_relaxed)) < total;) {
            if (!part(block, i)) failed.store(true, std::memory_order_relaxed);
        }
    }
};

// The blocks of a launch. Any order is a legal one; with a seed it is a stride that visits each once.
struct Blocks {
    const Launch* launch;
    uint64_t total;
    uint64_t stride = 1, start = 0;

    explicit Blocks(const Launch& l) : launch(&l), total(uint64_t{l.grid[0]} * l.grid[1] * l.grid[2]) {
        if (l.seed == 0 || total < 2) return;
        start = l.seed * 0x9e3779b97f4a7c15ull % total;
        stride = (l.seed * 0xbf58476d1ce4e5b9ull >> 8) % total | 1;
        while (std::gcd(stride, total) != 1) stride += 2;
    }

    bool operator()(Block& block, uint64_t i) const { return block.run(*launch, static_cast<uint64_t>((static_cast<unsigned __int128>(i) * stride + start) % total)); }
};

// Until it holds, for a while: launches mostly follow each other sooner than a sleeping thread wakes up. Whoever else wants the processor gets it.
template <class Condition>
void await_briefly(Condition condition) {
    constexpr std::chrono::microseconds limit{100};
    constexpr int looks = 64;  // between two that let others go first
    const auto end = std::chrono::steady_clock::now() + limit;
    do {
        for (int i = 0; i < looks; i++) {
            if (condition()) return;
#ifdef __x86_64__
            __builtin_ia32_pause();
#endif
        }
        sched_yield();
    } while (std::chrono::steady_clock::now() < end);
}

// Host threads that work on one thing at a time: whoever has it done, and helpers.
class Workers {
public:
    bool run(uint64_t total, const Part& part, int threads) {
        Deal deal{part, total};
        const int helpers = static_cast<int>(std::min<uint64_t>(deal.total, static_cast<uint64_t>(threads))) - 1;
        while (static_cast<int>(blocks_.size()) <= helpers) add();
        {
            const std::lock_guard hold(lock_);
            deal_ = &deal;
            wanted_ = running_ = helpers;
        }
        if (helpers > 0) begin_.notify_all();
        deal.work(*blocks_[0]);
        std::unique_lock hold(lock_);
        running_ -= wanted_;  // those that have not woken find nothing to do
        wanted_ = 0;
        if (running_ > 0) {
            hold.unlock();
            await_briefly([&] { return running_ == 0; });
            hold.lock();
        }
        end_.wait(hold, [&] { return running_ == 0; });
        deal_ = nullptr;
        return !deal.failed.load();
    }

private:
    void add() {
        blocks_.push_back(std::make_unique<Block>());
        // The first block is the caller's. Helpers outlive everything: they are detached, and own nothing that an exit would have to take back.
        if (blocks_.size() > 1) std::thread([this, block = blocks_.back().get()] { help(*block); }).detach();
    }

    [[noreturn]] void help(Block& block) {
        pthread_setname_np(pthread_self(), "cuda emulator");
        std::unique_lock hold(lock_);
        for (;;) {
            hold.unlock();
            await_briefly([&] { return wanted_ > 0; });
            hold.lock();
            begin_.wait(hold, [&] { return wanted_ > 0; });
            wanted_--;
            Deal* const deal = deal_;
            hold.unlock();
            deal->work(block);
            hold.lock();
            if (--running_ == 0) end_.notify_one();
        }
    }

    std::mutex lock_;
    std::condition_variable begin_, end_;
    Deal* deal_ = nullptr;
    std::atomic<int> wanted_ = 0;   // helpers that this launch still wants
    std::atomic<int> running_ = 0;  // helpers that have not finished, those still to come included
    std::vector<std::unique_ptr<Block>> blocks_;
};

// Devices may be at work at the same time, for host threads of their own: the threads that there are shall be enough for all.
bool deal(uint64_t total, const Part& part) {
    static std::mutex lock;
    static std::vector<Workers*> idle;
    static int working = 0;
    Workers* workers;
    int threads;
    {
        const std::lock_guard hold(lock);
        if (idle.empty()) idle.push_back(new Workers());
        workers = idle.back();
        idle.pop_back();
        threads = std::max(1, settings.host_threads.load() - working++);
    }
    const bool done = workers->run(total, part, threads);
    const std::lock_guard hold(lock);
    idle.push_back(workers);
    working--;
    return done;
}

}  // namespace

void Launch::begin() {
    static std::atomic<uint32_t> last{0};
    number = ++last;
    first_beside = !early || !before ? number : before->early ? before->first_beside : before->number;
}

bool run(const Launch& launch) {
    const Blocks blocks(launch);
    return deal(blocks.total, blocks);
}

void run_parts(uint64_t total, const std::function<void(uint64_t)>& part) {
    deal(total, [&](Block&, uint64_t number) { return part(number), true; });
}

}  // namespace emulator
