using System.Text.Json;
using Serving.Server.Metering;

namespace Serving.Server.Tests.Metering;

/// <summary>Records as tests need them.</summary>
internal static class Records
{
    public static UsageRecord New(string id = "r", string tenant = "one", int prompt = 3, int completion = 2, string outcome = "completed", string? adapter = null, DateTime? time = null) => new()
    {
        Time = time ?? new DateTime(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc),
        Id = id,
        Tenant = tenant,
        Model = adapter is null ? "base" : "pirate",
        Adapter = adapter,
        Protocol = "http",
        Endpoint = "/v1/completions",
        Outcome = outcome,
        PromptTokens = prompt,
        CachedTokens = 1,
        CompletionTokens = completion,
        DurationMs = 1.5,
    };

    public static byte[] Line(UsageRecord record) => [.. JsonSerializer.SerializeToUtf8Bytes(record, UsageJson.Default.UsageRecord), (byte)'\n'];

    public static (List<UsageRecord> Records, long Malformed) Read(byte[] content)
    {
        var records = new List<UsageRecord>();
        return (records, UsageReader.Read(new MemoryStream(content), records.Add));
    }

    public static (List<UsageRecord> Records, long Malformed) Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var records = new List<UsageRecord>();
        return (records, UsageReader.Read(stream, records.Add));
    }
}
