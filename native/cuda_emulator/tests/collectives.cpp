// Two ranks in one process, driven by one host thread or by two, and others beside them.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "driver.h"

extern "C" {
struct UniqueId {
    char bytes[128];
};
int ncclGetUniqueId(UniqueId* id);
int ncclCommInitRank(void** communicator, int ranks, UniqueId id, int rank);
int ncclCommDestroy(void* communicator);
int ncclCommAbort(void* communicator);
int ncclCommGetAsyncError(void* communicator, int* status);
int ncclGroupStart();
int ncclGroupEnd();
int ncclAllReduce(uint64_t send, uint64_t receive, size_t count, int type, int reduction, void* communicator, void* stream);
int ncclAllGather(uint64_t send, uint64_t receive, size_t count, int type, void* communicator, void* stream);
}

using namespace tests;

namespace {

constexpr int f32 = 7, sum = 0;

struct Rank {
    void *context, *stream, *communicator;
    uint64_t send, receive;

    void open(int device, float value) {
        EXPECT_EQUAL(0, cuDevicePrimaryCtxRetain(&context, device));
        EXPECT_EQUAL(0, cuCtxSetCurrent(context));
        EXPECT_EQUAL(0, cuStreamCreateWithPriority(&stream, 1, 0));
        EXPECT_EQUAL(0, cuMemAlloc_v2(&send, 64));
        EXPECT_EQUAL(0, cuMemAlloc_v2(&receive, 128));
        const std::vector<float> values(16, value);
        EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(send, values.data(), 64, stream));
    }

    std::vector<float> result(size_t count) {
        std::vector<float> values(count);
        EXPECT_EQUAL(0, cuCtxSetCurrent(context));
        EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(values.data(), receive, count * 4, stream));
        EXPECT_EQUAL(0, cuStreamSynchronize(stream));
        return values;
    }

    void queue(int turns) {
        EXPECT_EQUAL(0, cuCtxSetCurrent(context));
        for (int turn = 0; turn < turns; turn++) {
            EXPECT_EQUAL(0, ncclAllReduce(send, receive, 16, f32, sum, communicator, stream));
            EXPECT_EQUAL(0, cuMemcpyDtoDAsync_v2(send, receive, 64, stream));
        }
    }
};

void open_both(Rank (&ranks)[2]) {
    UniqueId id;
    EXPECT_EQUAL(0, ncclGetUniqueId(&id));
    EXPECT_EQUAL(0, ncclGroupStart());
    for (int i = 0; i < 2; i++) {
        ranks[i].open(i, 1);
        EXPECT_EQUAL(0, ncclCommInitRank(&ranks[i].communicator, 2, id, i));
    }
    EXPECT_EQUAL(0, ncclGroupEnd());
}

// A host thread that makes one call after another on a device.
class Host {
public:
    explicit Host(const Rank& rank) : thread_([this, context = rank.context] { work(context); }) {}
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() {
        call([this] {
            stopping_ = true;
            return 0;
        });
        thread_.join();
    }

    std::future<int> call(std::function<int()> body) {
        const std::lock_guard hold(lock_);
        calls_.emplace_back(std::move(body));
        changed_.notify_one();
        return calls_.back().get_future();
    }

    int wait_for(std::function<int()> body) { return call(std::move(body)).get(); }

    void queue(Rank& rank, int turns) {
        wait_for([&] {
            rank.queue(turns);
            return 0;
        });
    }

private:
    void work(void* context) {
        cuCtxSetCurrent(context);
        for (;;) {
            std::unique_lock hold(lock_);
            changed_.wait(hold, [&] { return !calls_.empty(); });
            auto call = std::move(calls_.front());
            calls_.pop_front();
            hold.unlock();
            call();
            if (stopping_) return;
        }
    }

    std::mutex lock_;
    std::condition_variable changed_;
    std::deque<std::packaged_task<int()>> calls_;
    bool stopping_ = false;  // the thread's own
    std::thread thread_;
};

// Long enough for another thread to come to where it waits.
void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

// Whether the call returns, with this result, while nobody does anything for it.
bool returns(std::future<int> call, int result) { return call.wait_for(std::chrono::seconds(20)) == std::future_status::ready && call.get() == result; }

struct Patience {
    explicit Patience(int64_t milliseconds) { srv_emulator_set_patience(milliseconds); }
    ~Patience() { srv_emulator_set_patience(120000); }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;
};

}  // namespace

TEST(two_ranks_on_one_host_thread) {
    Device reset;
    Rank ranks[2];
    UniqueId id;
    EXPECT_EQUAL(0, ncclGetUniqueId(&id));
    EXPECT_EQUAL(0, ncclGroupStart());
    for (int i = 0; i < 2; i++) {
        ranks[i].open(i, static_cast<float>(i + 1));
        EXPECT_EQUAL(0, ncclCommInitRank(&ranks[i].communicator, 2, id, i));
    }
    EXPECT_EQUAL(0, ncclGroupEnd());
    for (Rank& rank : ranks) rank.queue(3);
    for (Rank& rank : ranks) EXPECT_EQUAL(12.0f, rank.result(16)[15]);

    for (Rank& rank : ranks) {
        EXPECT_EQUAL(0, cuCtxSetCurrent(rank.context));
        EXPECT_EQUAL(0, ncclAllGather(rank.send, rank.receive, 16, f32, rank.communicator, rank.stream));
    }
    for (Rank& rank : ranks) EXPECT_EQUAL(12.0f, rank.result(32)[31]);
    for (Rank& rank : ranks) EXPECT_EQUAL(0, ncclCommDestroy(rank.communicator));
    EXPECT(findings().empty());
}

TEST(two_ranks_on_two_host_threads_and_in_graphs) {
    Device reset;
    Rank ranks[2];
    UniqueId id;
    std::string failure[2];
    EXPECT_EQUAL(0, ncclGetUniqueId(&id));
    const auto work = [&](int i) {
        try {
            Rank& rank = ranks[i];
            void *graph, *executable;
            rank.open(i, static_cast<float>(i + 1));
            EXPECT_EQUAL(0, ncclCommInitRank(&rank.communicator, 2, id, i));
            EXPECT_EQUAL(0, cuStreamBeginCapture_v2(rank.stream, 1));
            rank.queue(2);
            EXPECT_EQUAL(0, cuStreamEndCapture(rank.stream, &graph));
            EXPECT_EQUAL(0, cuGraphInstantiateWithFlags(&executable, graph, 0));
            for (int turn = 0; turn < 10; turn++) {
                EXPECT_EQUAL(0, cuGraphLaunch(executable, rank.stream));
                if (turn % 3 == i) EXPECT_EQUAL(0, cuStreamSynchronize(rank.stream));
            }
            EXPECT_EQUAL(3.0f * (1 << 19), rank.result(16)[0]);
        } catch (const Failure& caught) {
            failure[i] = caught.text;
        }
    };
    std::thread first(work, 0), second(work, 1);
    first.join();
    second.join();
    for (const std::string& text : failure) {
        if (!text.empty()) throw Failure{text};
    }
    EXPECT(findings().empty());
}

// A step is a sum, a copy and a mark of its end; a rank's host thread ends a step before it begins the one after the next. Somebody else of the process frees memory of
// device 0 meanwhile: that waits for what is queued there, and runs it; but whoever waits for a mark must be told when it is passed, or nobody queues what the sum of
// the next step needs. A query does not wait at all.
TEST(a_bystander_who_frees_memory_holds_up_no_rank) {
    constexpr int not_ready = 600;
    Device reset;
    Rank ranks[2];
    open_both(ranks);
    void *first_ended, *pinned;
    EXPECT_EQUAL(0, cuCtxSetCurrent(ranks[0].context));
    EXPECT_EQUAL(0, cuEventCreate(&first_ended, 2));
    EXPECT_EQUAL(0, cuMemHostAlloc(&pinned, 64, 0));
    Host bystander(ranks[0]), first(ranks[0]), second(ranks[1]);
    first.queue(ranks[0], 1);
    EXPECT_EQUAL(0, first.wait_for([&] { return cuEventRecord(first_ended, ranks[0].stream); }));
    first.queue(ranks[0], 1);
    second.queue(ranks[1], 1);

    auto freed = bystander.call([&] { return cuMemFreeHost(pinned); });
    settle();
    EXPECT(returns(first.call([&] { return cuEventQuery(first_ended); }), not_ready));
    EXPECT(returns(first.call([&] { return cuStreamQuery(ranks[0].stream); }), not_ready));
    auto ended = first.call([&] { return cuEventSynchronize(first_ended); });
    settle();

    // The bystander goes on to the second sum, which rank 1 has not queued yet.
    EXPECT(returns(second.call([&] { return cuStreamSynchronize(ranks[1].stream); }), 0));
    EXPECT(returns(std::move(ended), 0));

    // A third step is not what the bystander waits for.
    first.queue(ranks[0], 1);
    second.queue(ranks[1], 1);
    EXPECT(returns(second.call([&] { return cuStreamSynchronize(ranks[1].stream); }), 0));
    EXPECT(returns(std::move(freed), 0));
    second.queue(ranks[1], 1);
    auto last = second.call([&] { return cuStreamSynchronize(ranks[1].stream); });
    EXPECT_EQUAL(8.0f, ranks[0].result(16)[0]);
    EXPECT(returns(std::move(last), 0));
    EXPECT(findings().empty());
}

// A rank that is late is no mistake while anything moves; when nothing does, the wait ends, and what made the device fail is said.
TEST(a_rank_may_be_late_while_anything_moves) {
    constexpr int launch_failed = 719;
    Device reset;
    Patience patience(2000);
    Rank ranks[2];
    open_both(ranks);
    Host first(ranks[0]), second(ranks[1]);
    first.queue(ranks[0], 1);
    auto waiting = first.call([&] { return cuStreamSynchronize(ranks[0].stream); });
    const auto moved_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
    while (std::chrono::steady_clock::now() < moved_until) {
        EXPECT_EQUAL(0, second.wait_for([&] { return cuMemsetD8Async(ranks[1].receive, 0, 64, ranks[1].stream); }));
        settle();
    }
    second.queue(ranks[1], 1);
    EXPECT_EQUAL(0, second.wait_for([&] { return cuStreamSynchronize(ranks[1].stream); }));
    EXPECT_EQUAL(0, waiting.get());
    EXPECT(findings().empty());

    srv_emulator_set_patience(100);
    first.queue(ranks[0], 1);
    EXPECT_EQUAL(launch_failed, first.wait_for([&] { return cuStreamSynchronize(ranks[0].stream); }));
    const char* text;
    EXPECT_EQUAL(0, cuCtxSetCurrent(ranks[0].context));
    EXPECT_EQUAL(0, cuGetErrorString(launch_failed, &text));
    EXPECT(std::string(text).find("a rank has not come to the collective that another waits in") != std::string::npos);
}

// A rank that another one waits for in vain: the wait ends when it is aborted.
TEST(an_abort_ends_a_wait) {
    Device reset;
    Rank ranks[2];
    open_both(ranks);
    ranks[0].queue(1);
    int result = -1;
    std::thread waiting([&] {
        cuCtxSetCurrent(ranks[0].context);
        result = cuStreamSynchronize(ranks[0].stream);
    });
    int status = -1;
    EXPECT_EQUAL(0, ncclCommGetAsyncError(ranks[0].communicator, &status));
    EXPECT_EQUAL(0, status);
    EXPECT_EQUAL(0, ncclCommAbort(ranks[0].communicator));
    waiting.join();
    EXPECT_EQUAL(0, result);
    EXPECT_EQUAL(4, ncclAllReduce(ranks[0].send, ranks[0].receive, 16, f32, sum, ranks[0].communicator, ranks[0].stream));
    EXPECT_EQUAL(0, ncclCommDestroy(ranks[1].communicator));
}

TEST(a_communicator_refuses_what_it_cannot_do) {
    Device reset;
    UniqueId id;
    void* communicator;
    EXPECT_EQUAL(0, ncclGetUniqueId(&id));
    EXPECT_EQUAL(4, ncclCommInitRank(&communicator, 2, id, 2));
    EXPECT_EQUAL(4, ncclCommInitRank(&communicator, 2, UniqueId{}, 0));
    EXPECT_EQUAL(0, ncclCommInitRank(&communicator, 1, id, 0));
    EXPECT_EQUAL(5, ncclCommInitRank(&communicator, 1, id, 0));
    EXPECT_EQUAL(4, ncclAllReduce(0, 0, 1, 8, 0, communicator, nullptr));
    EXPECT_EQUAL(0, ncclAllReduce(64, 64, 1, f32, sum, communicator, nullptr));
    EXPECT_EQUAL(700, cuCtxSynchronize());
}
