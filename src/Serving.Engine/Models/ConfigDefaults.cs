namespace Serving.Engine.Models;

/// <summary>What a family takes for keys that its <c>config.json</c> leaves out.</summary>
/// <param name="KvHeads">Key/value heads; null for as many as query heads.</param>
/// <param name="HeadSize">Elements of a head; null for hidden size ÷ heads.</param>
/// <param name="SlidingWindow">Attention window in tokens; null for none.</param>
/// <param name="UsesSlidingWindow">Whether a window that is given counts when <c>use_sliding_window</c> is left out.</param>
public sealed record ConfigDefaults(int? KvHeads = null, int? HeadSize = null, int? SlidingWindow = null, bool UsesSlidingWindow = true);
