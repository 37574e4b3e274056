using Serving.Engine.Tokenization.Patterns;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Finds single characters of a class: digits, punctuation, white space.</summary>
internal sealed class ClassScanner(CharClass wanted) : TextScanner
{
    /// <inheritdoc/>
    public override int Find(ReadOnlySpan<char> text, ScalarText? prepared, int from, out int length)
    {
        for (var at = from; at < text.Length; at += length)
        {
            if ((CharClasses.At(text, at, out length) & wanted) != 0)
            {
                return at;
            }
        }

        length = 0;
        return -1;
    }
}
