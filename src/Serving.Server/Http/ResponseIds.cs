using System.Globalization;
using System.Security.Cryptography;

namespace Serving.Server.Http;

/// <summary>Ids of responses and of their items, which say whose they are.</summary>
internal static class ResponseIds
{
    private const string Prefix = "resp_";

    /// <summary>The part that a response's id and those of its items have in common: the request's id where the server drew it. A client may send one id with many requests.</summary>
    public static string For(HttpContext context) =>
        RequestIds.Clean(context.Request.Headers[RequestIds.Header]) is null ? context.TraceIdentifier : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>A response's id.</summary>
    public static string OfResponse(string id) => Prefix + id;

    /// <summary>An item's id.</summary>
    public static string OfItem(string id, string type, int index) => string.Create(CultureInfo.InvariantCulture, $"{PrefixOf(type)}_{id}_{index}");

    /// <summary>What an item's id begins with.</summary>
    public static string PrefixOf(string type) => type switch
    {
        "message" => "msg",
        "reasoning" => "rs",
        "custom_tool_call" or "custom_tool_call_output" => "ctc",
        _ => "fc",
    };

    /// <summary>The id of the response that an item is one of; null for ids that are none of this server's.</summary>
    public static string? ResponseOf(string item)
    {
        var (first, last) = (item.IndexOf('_', StringComparison.Ordinal), item.LastIndexOf('_'));
        return first >= 0 && last > first ? OfResponse(item[(first + 1)..last]) : null;
    }
}
