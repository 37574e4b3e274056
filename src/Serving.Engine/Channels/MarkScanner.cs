using System.Text;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Channels;

/// <summary>Finds the marks of the harmony format in a text that comes character by character.</summary>
/// <param name="before">What stands before every mark; may be empty.</param>
internal sealed class MarkScanner(string before)
{
    private readonly string[] _marks = [.. HarmonyText.Marks.Select(mark => before + mark)];
    private readonly StringBuilder _held = new();

    /// <summary>The character that every mark begins with, and none has again.</summary>
    public char First => _marks[0][0];

    /// <summary>Whether the beginning of a mark is held back.</summary>
    public bool IsHolding => _held.Length > 0;

    /// <summary>Takes a character.</summary>
    /// <param name="c">The character.</param>
    /// <param name="text">Gets what is certain to be text.</param>
    /// <returns>The mark that it completes.</returns>
    public HarmonyMark? Next(char c, StringBuilder text)
    {
        if (_held.Length > 0 && !Continues(c))
        {
            Flush(text);
        }

        if (_held.Length == 0 && c != First)
        {
            text.Append(c);
            return null;
        }

        _held.Append(c);
        var mark = Array.FindIndex(_marks, mark => mark.Length == _held.Length && _held.Equals(mark));
        if (mark < 0)
        {
            return null;
        }

        _held.Clear();
        return (HarmonyMark)mark;
    }

    /// <summary>What is held back is text after all.</summary>
    public void Flush(StringBuilder text)
    {
        text.Append(_held);
        _held.Clear();
    }

    private bool Continues(char c)
    {
        foreach (var mark in _marks)
        {
            if (_held.Length < mark.Length && mark[_held.Length] == c && _held.Equals(mark.AsSpan(0, _held.Length)))
            {
                return true;
            }
        }

        return false;
    }
}
