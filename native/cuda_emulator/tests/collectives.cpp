// Two ranks in one process, driven by one host thread or by two.
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

// A rank that another one waits for in vain: the wait ends when it is aborted.
TEST(an_abort_ends_a_wait) {
    Device reset;
    Rank ranks[2];
    UniqueId id;
    EXPECT_EQUAL(0, ncclGetUniqueId(&id));
    EXPECT_EQUAL(0, ncclGroupStart());
    for (int i = 0; i < 2; i++) {
        ranks[i].open(i, 1);
        EXPECT_EQUAL(0, ncclCommInitRank(&ranks[i].communicator, 2, id, i));
    }
    EXPECT_EQUAL(0, ncclGroupEnd());
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
