// cuStreamBeginCapture to cuGraphDestroy. A launch of a graph queues its nodes, in an order that their dependencies allow.
#include <algorithm>
#include <thread>

#include "../settings.h"
#include "context.h"

using namespace emulator;

namespace emulator {

Handles<Graph> graphs;
Handles<GraphExec> executables;

}  // namespace emulator

namespace {

// Whether every node is one of the tail or before one: nothing was left running beside the stream that ends the capture.
bool joined(const std::vector<GraphNode>& nodes, const std::vector<size_t>& tail) {
    std::vector<bool> reached(nodes.size(), false);
    std::vector<size_t> todo = tail;
    while (!todo.empty()) {
        const size_t node = todo.back();
        todo.pop_back();
        if (reached[node]) continue;
        reached[node] = true;
        todo.insert(todo.end(), nodes[node].after.begin(), nodes[node].after.end());
    }
    return std::find(reached.begin(), reached.end(), false) == reached.end();
}

void leave(Capture& capture) {
    for (const auto& weak : capture.streams) {
        if (const auto stream = weak.lock()) {
            stream->capture = nullptr;
            stream->capture_tail.clear();
            stream->newest = nullptr;
        }
    }
}

// An order that the dependencies allow, drawn with a seed.
std::vector<size_t> shuffled(const std::vector<GraphNode>& nodes, uint64_t random) {
    std::vector<size_t> order;
    std::vector<bool> done(nodes.size(), false);
    while (order.size() < nodes.size()) {
        std::vector<size_t> ready;
        for (size_t i = 0; i < nodes.size(); i++) {
            if (!done[i] && std::all_of(nodes[i].after.begin(), nodes[i].after.end(), [&](size_t before) { return done[before]; })) ready.push_back(i);
        }
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        order.push_back(ready[(random >> 33) % ready.size()]);
        done[order.back()] = true;
    }
    return order;
}

}  // namespace

SRV_EXPORT Result cuStreamBeginCapture_v2(Stream* handle, int mode) {
    return take_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (mode < 0 || mode > 2) return Result::invalid_value;
        if (stream == context.default_stream) return Result::stream_capture_unsupported;
        if (stream->capture) return Result::illegal_state;
        auto capture = std::make_shared<Capture>();
        capture->origin = stream;
        capture->streams.push_back(stream);
        capture->mode = mode;
        capture->thread = std::this_thread::get_id();
        stream->capture = std::move(capture);
        stream->capture_tail.clear();
        stream->newest = nullptr;
        return Result::success;
    });
}

SRV_EXPORT Result cuStreamIsCapturing(Stream* handle, int* status) {
    return call_on(handle, [&](DeviceContext&, const std::shared_ptr<Stream>& stream) {
        if (!status) return Result::invalid_value;
        *status = !stream->capture ? 0 : stream->capture->invalidated ? 2 : 1;
        return Result::success;
    });
}

SRV_EXPORT Result cuStreamEndCapture(Stream* handle, Graph** graph) {
    return call_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (!graph) return Result::invalid_value;
        *graph = nullptr;
        const auto capture = stream->capture;
        if (!capture) return Result::illegal_state;
        if (capture->origin.lock() != stream) return Result::stream_capture_unmatched;
        if (capture->mode != 2 && capture->thread != std::this_thread::get_id()) return Result::stream_capture_wrong_thread;
        const bool whole = joined(capture->nodes, stream->capture_tail);
        leave(*capture);
        if (capture->invalidated) return Result::stream_capture_invalidated;
        if (!whole) return Result::stream_capture_unjoined;
        auto captured = std::make_shared<Graph>();
        captured->context = &context;
        captured->nodes = std::move(capture->nodes);
        *graph = graphs.add(std::move(captured));
        return Result::success;
    });
}

SRV_EXPORT Result cuGraphInstantiateWithFlags(GraphExec** handle, Graph* graph_handle, unsigned long long) {
    return take([&](DeviceContext& context) {
        const auto graph = graphs.find(graph_handle);
        if (!graph || !handle) return Result::invalid_value;
        auto nodes = std::make_shared<const std::vector<GraphNode>>(graph->nodes);
        *handle = executables.add(std::make_shared<GraphExec>(GraphExec{&context, std::move(nodes)}));
        return Result::success;
    });
}

SRV_EXPORT Result cuGraphLaunch(GraphExec* handle, Stream* stream_handle) {
    return take_on(stream_handle, [&](DeviceContext&, const std::shared_ptr<Stream>& stream) {
        const auto executable = executables.find(handle);
        if (!executable) return Result::invalid_value;
        const std::vector<GraphNode>& nodes = *executable->nodes;
        const uint64_t seed = settings.seed;
        const std::vector<size_t> order = seed == 0 ? std::vector<size_t>() : shuffled(nodes, seed);
        for (size_t i = 0; i < nodes.size(); i++) {
            if (const Result result = submit(stream, nodes[seed == 0 ? i : order[i]].run); result != Result::success) return result;
        }
        return Result::success;
    });
}

SRV_EXPORT Result cuGraphExecDestroy(GraphExec* handle) {
    return call([&](DeviceContext&) { return executables.remove(handle) ? Result::success : Result::invalid_value; });
}

SRV_EXPORT Result cuGraphDestroy(Graph* handle) {
    return call([&](DeviceContext&) { return graphs.remove(handle) ? Result::success : Result::invalid_value; });
}
