namespace Serving.Engine.Tokenization.PostProcessors;

/// <summary>The special tokens that go before and behind a text.</summary>
internal sealed record SpecialTokenFrame(int[] Prefix, int[] Suffix)
{
    /// <summary>No tokens.</summary>
    public static SpecialTokenFrame None { get; } = new([], []);

    /// <summary>This frame with another around it.</summary>
    public SpecialTokenFrame Inside(SpecialTokenFrame outer) => new([.. outer.Prefix, .. Prefix], [.. Suffix, .. outer.Suffix]);

    /// <summary>The ids with the frame around them.</summary>
    public int[] Around(ReadOnlySpan<int> ids) => [.. Prefix, .. ids, .. Suffix];
}
