using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>Reads a call in a <see cref="LiteralStyle"/>, and writes its arguments as JSON while they come.</summary>
internal sealed class LiteralCallReader(LiteralStyle style, IReadOnlySet<string> names) : CallReader
{
    private readonly StringBuilder _word = new();
    private readonly LiteralArguments _arguments = new(style);
    private int _prefix;
    private bool _isOpen;

    /// <inheritdoc/>
    public override string? Written => _arguments.Written;

    /// <inheritdoc/>
    public override bool HasEnded => _arguments.HasEnded;

    /// <inheritdoc/>
    public override CallStep Next(char c)
    {
        if (!_isOpen)
        {
            return Head(c) ? CallStep.Head : CallStep.Wrong;
        }

        return !_arguments.Take(c) ? CallStep.Wrong
            : _arguments.HasEnded ? CallStep.Complete
            : _arguments.HasBegun ? CallStep.Arguments
            : CallStep.Head;
    }

    private bool Head(char c)
    {
        if (_prefix < style.Prefix.Length)
        {
            return c == style.Prefix[_prefix++];
        }

        if (Name is null && (char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
        {
            _word.Append(c);
            return _word.Length <= ToolCallFormat.MaxNameLength;
        }

        Name ??= _word.ToString();
        _isOpen = c == style.Open;
        return names.Contains(Name) && (_isOpen || char.IsWhiteSpace(c));
    }
}
