// nccl*: communicators over the emulated devices, allReduce and allGather of fp32, bf16 and int32.
#include <cstdio>
#include <cstring>
#include <map>

#include "communicator.h"

using namespace emulator;

namespace {

// ncclResult_t
enum Status : int { ok = 0, unhandled_cuda_error = 1, system_error = 2, invalid_argument = 4, invalid_usage = 5 };

struct UniqueId {
    char bytes[128];
};

struct Communicator {
    std::shared_ptr<Clique> clique;
    int rank;
    DeviceContext* context;
};

Handles<Communicator> communicators;
std::map<uint64_t, std::shared_ptr<Clique>> cliques;
uint64_t next_id = 1;

// Calls in a group take effect at its end; for what is done here that only concerns waiting for the other ranks to join.
thread_local int group_depth = 0;
thread_local std::vector<std::shared_ptr<Clique>> group_joins;

// A communicator is ready when every rank has joined.
Status await_all(const Clique& clique) {
    Patience patience;
    while (!clique.complete()) {
        if (!patience.wait()) return system_error;
    }
    return ok;
}

Status submit_part(Communicator* handle, Stream* stream_handle, const Part& part) {
    if (element_bytes(part.type) == 0 || part.reduction < 0 || part.reduction > 3) return invalid_argument;
    Status status = ok;
    const Result result = take_on(stream_handle, [&](DeviceContext&, const std::shared_ptr<Stream>& stream) {
        const auto communicator = communicators.find(handle);
        if (!communicator) {
            status = invalid_argument;
            return Result::success;
        }
        const Result submitted = submit(stream, [clique = communicator->clique, rank = communicator->rank, part] { return clique->meet(rank, part); });
        if (submitted == Result::success) communicator->clique->expect_on(communicator->rank, stream);
        return submitted;
    });
    return status != ok ? status : result == Result::success ? ok : unhandled_cuda_error;
}

}  // namespace

size_t emulator::communicators_held() { return communicators.size(); }

SRV_EXPORT Status ncclGetVersion(int* version) {
    if (!version) return invalid_argument;
    *version = 22703;
    return ok;
}

SRV_EXPORT const char* ncclGetErrorString(Status status) {
    switch (status) {
        case ok: return "no error";
        case unhandled_cuda_error: return "unhandled cuda error";
        case system_error: return "unhandled system error";
        case invalid_argument: return "invalid argument";
        case invalid_usage: return "invalid usage";
    }
    return "unknown result code";
}

SRV_EXPORT Status ncclGetUniqueId(UniqueId* id) {
    const std::lock_guard hold(driver_lock);
    if (!id) return invalid_argument;
    std::memset(id, 0, sizeof *id);
    std::memcpy(id->bytes, &next_id, sizeof next_id);
    next_id++;
    return ok;
}

SRV_EXPORT Status ncclCommInitRank(Communicator** handle, int ranks, UniqueId id, int rank) {
    const std::lock_guard hold(driver_lock);
    uint64_t number;
    std::memcpy(&number, id.bytes, sizeof number);
    if (!handle || ranks < 1 || rank < 0 || rank >= ranks || number == 0 || number >= next_id) return invalid_argument;
    if (!current_context) return unhandled_cuda_error;
    auto& clique = cliques[number];
    if (!clique) clique = std::make_shared<Clique>(ranks);
    if (clique->ranks() != ranks || clique->joined(rank)) return invalid_usage;
    clique->join(rank, *current_context);
    changed.notify_all();
    current_context->communicators++;
    *handle = communicators.add(std::make_shared<Communicator>(Communicator{clique, rank, current_context}));
    if (group_depth == 0) return await_all(*clique);
    group_joins.push_back(clique);
    return ok;
}

SRV_EXPORT Status ncclCommDestroy(Communicator* handle) {
    const std::lock_guard hold(driver_lock);
    auto communicator = communicators.find(handle);
    if (!communicator) return invalid_argument;
    if (communicator->context->communicators > 0) communicator->context->communicators--;
    communicator.reset();
    communicators.remove(handle);
    std::erase_if(cliques, [](const auto& entry) { return entry.second.use_count() == 1; });
    return ok;
}

SRV_EXPORT Status ncclCommAbort(Communicator* handle) {
    const std::lock_guard hold(driver_lock);
    if (const auto communicator = communicators.find(handle)) communicator->clique->abort(communicator->rank);
    return ncclCommDestroy(handle);
}

SRV_EXPORT Status ncclCommGetAsyncError(Communicator* handle, Status* status) {
    const std::lock_guard hold(driver_lock);
    const auto communicator = communicators.find(handle);
    if (!communicator || !status) return invalid_argument;
    *status = communicator->clique->failed() ? unhandled_cuda_error : ok;
    return ok;
}

SRV_EXPORT Status ncclGroupStart() {
    group_depth++;
    return ok;
}

SRV_EXPORT Status ncclGroupEnd() {
    if (group_depth == 0) return invalid_usage;
    if (--group_depth > 0) return ok;
    const std::lock_guard hold(driver_lock);
    const auto joins = std::move(group_joins);
    group_joins.clear();
    for (const auto& clique : joins) {
        if (const Status status = await_all(*clique); status != ok) return status;
    }
    return ok;
}

SRV_EXPORT Status ncclAllReduce(uint64_t send, uint64_t receive, size_t count, int type, int reduction, Communicator* communicator, Stream* stream) {
    return submit_part(communicator, stream, {Collective::all_reduce, send, receive, count, type, reduction});
}

SRV_EXPORT Status ncclAllGather(uint64_t send, uint64_t receive, size_t count, int type, Communicator* communicator, Stream* stream) {
    return submit_part(communicator, stream, {Collective::all_gather, send, receive, count, type, 0});
}
