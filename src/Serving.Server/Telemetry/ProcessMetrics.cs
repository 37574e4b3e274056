using System.Diagnostics;

namespace Serving.Server.Telemetry;

/// <summary>The process under the names that Prometheus' client libraries share.</summary>
internal static class ProcessMetrics
{
    private static readonly double StartedAt = ReadStart();

    /// <summary>Writes them.</summary>
    public static void Write(PrometheusWriter writer)
    {
        writer.Single("process_start_time_seconds", "gauge", "When the process started, Unix seconds.", "", StartedAt);
        writer.Single("process_cpu_seconds_total", "counter", "Processor time, user and system.", "", Environment.CpuUsage.TotalTime.TotalSeconds);
        writer.Single("process_resident_memory_bytes", "gauge", "Memory that is resident.", "", Environment.WorkingSet);

        // Beside resident memory they tell what managed objects take, and what the collector keeps of memory for them, from everything else.
        var collected = GC.GetGCMemoryInfo();
        writer.Single("dotnet_gc_last_collection_heap_size_bytes", "gauge", "The managed heap as of the last collection, with what is fragmented.", "", collected.HeapSizeBytes);
        writer.Single("dotnet_gc_last_collection_memory_committed_size_bytes", "gauge", "Memory that the managed heap had committed as of the last collection.", "", collected.TotalCommittedBytes);
    }

    private static double ReadStart()
    {
        using var process = Process.GetCurrentProcess();
        return new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0;
    }
}
