#include "stream.h"

#include "context.h"

namespace emulator {

Result submit(const std::shared_ptr<Stream>& stream, Operations operation) {
    if (stream->capture) {
        Capture& capture = *stream->capture;
        if (capture.invalidated) return Result::stream_capture_invalidated;
        capture.nodes.push_back({std::move(operation), stream->capture_tail});
        stream->capture_tail = {capture.nodes.size() - 1};
        return Result::success;
    }
    Work work{std::move(operation), {}};
    DeviceContext& context = *stream->context;
    if (stream == context.default_stream) {
        for (const auto& other : context.all_streams()) {
            if (!other->waits_for_default || other == stream) continue;
            if (other->capture) {
                other->capture->invalidated = true;
                return Result::stream_capture_implicit;
            }
            if (other->completed < other->issued) work.after.push_back({other, other->issued});
        }
    } else if (stream->waits_for_default && context.default_stream->completed < context.default_stream->issued) {
        work.after.push_back({context.default_stream, context.default_stream->issued});
    }
    if (stream->queue.size() >= Stream::bound) complete({stream, stream->issued - Stream::bound + 1});
    stream->issued++;
    stream->queue.push_back(std::move(work));
    note_progress();
    if (context.runs_early()) complete_all(stream);
    return Result::success;
}

bool advance(Stream& stream) {
    if (stream.queue.empty() || stream.running) return false;
    stream.running = true;
    stream.runner = std::this_thread::get_id();
    Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    for (const Dependency& dependency : work.after) complete(dependency);
    stream.context->execute(work.run);
    stream.completed++;
    stream.running = false;
    note_progress();
    return true;
}

void complete(Dependency dependency) {
    Stream& stream = *dependency.stream;
    while (stream.completed < dependency.number) {
        if (advance(stream)) continue;
        const bool elsewhere = stream.running && stream.runner != std::this_thread::get_id();
        if (!elsewhere) return;
        changed.wait(driver_lock);
    }
}

void complete_all(const std::shared_ptr<Stream>& stream) { complete({stream, stream->issued}); }

}  // namespace emulator
