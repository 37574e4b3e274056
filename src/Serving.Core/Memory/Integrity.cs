using System.Runtime.CompilerServices;

namespace Serving.Core.Memory;

/// <summary>Checks of invariants: a violated one is a bug in this assembly.</summary>
internal static class Integrity
{
    /// <summary>Throws with <paramref name="message"/> unless <paramref name="holds"/>; the message is only built when it does not.</summary>
    public static void Require(bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] ref IntegrityMessage message)
    {
        if (!holds)
        {
            throw new InvalidOperationException("Integrity: " + message.ToString());
        }
    }

    /// <summary>Throws with <paramref name="message"/> unless <paramref name="holds"/>.</summary>
    public static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new InvalidOperationException("Integrity: " + message);
        }
    }

    /// <summary>An interpolated string that is not built while the invariant holds.</summary>
    [InterpolatedStringHandler]
    public ref struct IntegrityMessage
    {
        private DefaultInterpolatedStringHandler _text;

        /// <summary>Builds only when the invariant does not hold.</summary>
        public IntegrityMessage(int literalLength, int formattedCount, bool holds, out bool build)
        {
            build = !holds;
            _text = build ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        /// <summary>Adds text.</summary>
        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        /// <summary>Adds a value.</summary>
        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        /// <inheritdoc/>
        public override string ToString() => _text.ToStringAndClear();
    }
}
