using System.Text.Json;

namespace Serving.Server.Metering;

/// <summary>Reads a ledger's lines. A line that is no record (cut short, too long, not JSON, numbers below 0) is counted and harms no other.</summary>
internal static class UsageReader
{
    /// <summary>Longest line looked at, bytes: more than the longest that is written.</summary>
    public const int MaxLine = 64 << 10;

    /// <summary>Reads to the end.</summary>
    /// <param name="stream">The lines.</param>
    /// <param name="take">Takes each record.</param>
    /// <returns>Lines that are none; empty ones do not count.</returns>
    public static long Read(Stream stream, Action<UsageRecord> take)
    {
        var buffer = new byte[2 * MaxLine];
        var (kept, malformed, isTooLong) = (0, 0L, false);
        while (stream.Read(buffer, kept, buffer.Length - kept) is > 0 and var read)
        {
            var rest = buffer.AsSpan(0, kept + read);
            for (var end = rest.IndexOf((byte)'\n'); end >= 0; end = rest.IndexOf((byte)'\n'))
            {
                malformed += isTooLong || !TryTake(rest[..end], take) ? 1 : 0;
                isTooLong = false;
                rest = rest[(end + 1)..];
            }

            if (rest.Length > MaxLine)
            {
                isTooLong = true;
                rest = [];
            }

            rest.CopyTo(buffer);
            kept = rest.Length;
        }

        return malformed + (isTooLong || !TryTake(buffer.AsSpan(0, kept), take) ? 1 : 0);
    }

    private static bool TryTake(ReadOnlySpan<byte> line, Action<UsageRecord> take)
    {
        line = line.TrimEnd((byte)'\r');
        if (line.IsEmpty)
        {
            return true;
        }

        if (line.Length > MaxLine || Parse(line) is not { PromptTokens: >= 0, CachedTokens: >= 0, CompletionTokens: >= 0, LostBefore: null or >= 0 } record)
        {
            return false;
        }

        take(record);
        return true;
    }

    private static UsageRecord? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, UsageJson.Default.UsageRecord);
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException)
        {
            // Text that is no UTF-8.
            return null;
        }
    }
}
