using System.Globalization;
using Serving.Core.Tenancy;
using Serving.Engine;
using Serving.Server.Tenancy;

namespace Serving.Server.Front;

/// <summary>
/// Tells a tenant that has rates how they stand, in OpenAI's headers (https://platform.openai.com/docs/guides/rate-limits): limit and remaining as whole numbers, reset as the time
/// until all is there again. Over gRPC they are the call's initial metadata. Anthropic's clients have them under their names, with the time at which all is there again
/// (https://docs.anthropic.com/en/api/rate-limits).
/// </summary>
internal static class RateHeaders
{
    /// <summary>Sets them, before the answer's first byte.</summary>
    public static void Set(HttpContext context, IEngineClient engine)
    {
        var rates = engine.RatesOf(ApiCaller.Of(context).Tenant);
        if (AnthropicClients.Speak(context))
        {
            var now = context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
            SetAnthropic(context.Response.Headers, "requests", rates.Requests, now);
            SetAnthropic(context.Response.Headers, "tokens", rates.Tokens, now);
        }
        else
        {
            Set(context.Response.Headers, "requests", rates.Requests);
            Set(context.Response.Headers, "tokens", rates.Tokens);
        }
    }

    /// <summary>A time as RFC 3339 has it, a part of a second counted as one.</summary>
    public static string Time(DateTimeOffset now, long microseconds) =>
        now.AddSeconds(Math.Ceiling(((now.Ticks % TimeSpan.TicksPerSecond / 10.0) + microseconds) / 1e6)).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A time as OpenAI writes it: 1h0m0s, 6m0s, 8.64s, 120ms, 0s; a part of a millisecond counts as one.</summary>
    public static string Duration(long microseconds)
    {
        var milliseconds = (microseconds + 999) / 1000;
        if (milliseconds is > 0 and < 1000)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{milliseconds}ms");
        }

        var (hours, minutes, seconds) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds % 60_000 / 1000m);
        var tail = string.Create(CultureInfo.InvariantCulture, $"{seconds:0.###}s");
        return hours > 0 ? string.Create(CultureInfo.InvariantCulture, $"{hours}h{minutes}m{tail}")
            : minutes > 0 ? string.Create(CultureInfo.InvariantCulture, $"{minutes}m{tail}")
            : tail;
    }

    private static void Set(IHeaderDictionary headers, string what, RateStatus? status)
    {
        if (status is { } rate)
        {
            headers[$"x-ratelimit-limit-{what}"] = rate.Limit.ToString(CultureInfo.InvariantCulture);
            headers[$"x-ratelimit-remaining-{what}"] = rate.Remaining.ToString(CultureInfo.InvariantCulture);
            headers[$"x-ratelimit-reset-{what}"] = Duration(rate.ResetMicroseconds);
        }
    }

    private static void SetAnthropic(IHeaderDictionary headers, string what, RateStatus? status, DateTimeOffset now)
    {
        if (status is { } rate)
        {
            headers[$"anthropic-ratelimit-{what}-limit"] = rate.Limit.ToString(CultureInfo.InvariantCulture);
            headers[$"anthropic-ratelimit-{what}-remaining"] = rate.Remaining.ToString(CultureInfo.InvariantCulture);
            headers[$"anthropic-ratelimit-{what}-reset"] = Time(now, rate.ResetMicroseconds);
        }
    }
}
