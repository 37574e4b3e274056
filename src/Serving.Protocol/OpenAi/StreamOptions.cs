namespace Serving.Protocol.OpenAi;

/// <summary>What a stream carries beside text.</summary>
public sealed record StreamOptions
{
    /// <summary>Send token counts in a last chunk without choices.</summary>
    public bool? IncludeUsage { get; init; }

    /// <summary>Send token counts so far in every chunk.</summary>
    public bool? ContinuousUsageStats { get; init; }
}
