namespace Serving.Server.Http;

/// <summary>Ids of calls under Anthropic's prefix. One that the model wrote itself, with the function's name in it, goes out and comes back as it is: templates read the name off it.</summary>
internal static class MessageIds
{
    private const string Prefix = "toolu_";
    private const string EnginePrefix = "call_";

    /// <summary>What a client is told.</summary>
    public static string ToClient(string id) =>
        id.StartsWith(EnginePrefix, StringComparison.Ordinal) ? Prefix + id[EnginePrefix.Length..]
        : id.All(char.IsAsciiLetterOrDigit) ? Prefix + id
        : id;

    /// <summary>What the engine is told of an id that comes back: the length tells which kind it was.</summary>
    public static string ToEngine(string id) => id.StartsWith(Prefix, StringComparison.Ordinal) ? EnginePrefix + id[Prefix.Length..] : id;
}
