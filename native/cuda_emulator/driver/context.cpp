#include "context.h"

#include <utility>

#include "../checks/allocations.h"
#include "../checks/finding.h"
#include "../checks/global_memory.h"
#include "../settings.h"
#include "host_memory.h"
#include "module.h"

namespace emulator {

std::recursive_mutex driver_lock;
std::condition_variable_any changed;
uint64_t progress = 0;
bool initialized = false;
thread_local DeviceContext* current_context = nullptr;
uintptr_t next_handle = 1 << 20;
Handles<Stream> streams;
Handles<Event> events;

DeviceContext* context_of(int device) {
    static std::unique_ptr<DeviceContext> contexts[GlobalMemory::max_devices];
    if (!contexts[device]) contexts[device] = std::make_unique<DeviceContext>(device);
    return contexts[device].get();
}

DeviceContext::DeviceContext(int number) : device(number) { reset(); }

std::vector<std::shared_ptr<Stream>> DeviceContext::all_streams() {
    std::erase_if(streams_, [](const auto& stream) { return stream->idle() && stream->destroyed; });
    return streams_;
}

void DeviceContext::execute(const Operations& operation) {
    if (error != Result::success) return;
    if (planted != Result::success && operations_until_failure-- == 0) {
        Findings::add({FindingKind::planted, device, "", {0, 0, 0}, 0, 0, "this failure was asked for"});
        fail(planted);
        planted = Result::success;
        return;
    }
    if (const Result result = operation(); result != Result::success) fail(result);
}

void DeviceContext::await_rest() {
    while (works_) changed.wait(driver_lock);
}

void DeviceContext::fail(Result result) {
    auto found = Findings::of(device);
    error = result;
    cause = found.empty() ? "" : found.front().text();
    if (!found.empty()) return;
    found = Findings::of(-1);  // another rank's, just now
    if (!found.empty()) cause = found.back().text();
}

bool DeviceContext::runs_early() {
    const uint64_t seed = settings.seed;
    if (seed == 0 || communicators > 0) return false;
    return ((seed ^ ++draws_ * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull >> 63) != 0;
}

void DeviceContext::complete_everything() {
    std::vector<Dependency> issued{{default_stream, default_stream->issued}};
    for (const auto& stream : all_streams()) issued.push_back({stream, stream->issued});
    for (const Dependency& last : issued) complete(last);
}

Result DeviceContext::forbidden_by_capture() {
    for (const auto& stream : all_streams()) {
        if (!stream->capture) continue;
        Capture& capture = *stream->capture;
        if (capture.mode == 2 || (capture.mode == 1 && capture.thread != std::this_thread::get_id())) continue;
        capture.invalidated = true;
        return Result::stream_capture_unsupported;
    }
    return Result::success;
}

void DeviceContext::reset() {
    await_rest();
    const auto mine = [this](const auto& object) { return object.context == this; };
    events.remove_if(mine);
    streams.remove_if(mine);
    graphs.remove_if(mine);
    executables.remove_if(mine);
    functions.remove_if([&](const Function& function) { return mine(*function.module); });
    modules.remove_if(mine);
    streams_.clear();
    default_stream = std::make_shared<Stream>();
    default_stream->context = this;
    error = planted = Result::success;
    cause.clear();
    communicators = 0;
    release_all(device);
}

Holdings DeviceContext::holdings() const {
    const auto mine = [this](const auto& object) { return object.context == this; };
    return {
        {"holders of the context", static_cast<size_t>(retained)},
        {"allocations", allocations(device)},
        {"pieces of pinned memory", pinned_pieces(device)},
        {"streams", streams.count(mine)},
        {"events", events.count(mine)},
        {"modules", modules.count(mine)},
        {"recordings", graphs.count(mine)},
        {"launchable recordings", executables.count(mine)},
    };
}

Result DeviceContext::refused() {
    if (refusal == Result::success || calls_until_refusal-- > 0) return Result::success;
    return std::exchange(refusal, Result::success);
}

void note_progress() {
    progress++;
    changed.notify_all();
}

bool Patience::wait() {
    if (seen_ != progress) {
        seen_ = progress;
        end_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings.patience_milliseconds);
    }
    return changed.wait_until(driver_lock, end_) == std::cv_status::no_timeout || seen_ != progress;
}

std::shared_ptr<Stream> stream_of(DeviceContext& context, Stream* handle) {
    // 0 and CU_STREAM_LEGACY
    if (reinterpret_cast<uintptr_t>(handle) <= 1) return context.default_stream;
    return streams.find(handle);
}

}  // namespace emulator
