namespace Serving.Engine.Tokenization.Normalizers;

/// <summary>One stage that rewrites a text before it is cut into pieces. Immutable.</summary>
internal abstract class Normalizer
{
    /// <summary>The rewritten text; the same object when nothing changes.</summary>
    public abstract string Normalize(string text);
}
