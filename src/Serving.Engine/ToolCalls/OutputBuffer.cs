using System.Text;

namespace Serving.Engine.ToolCalls;

/// <summary>What a parser has found since it was last asked: content, and what is new of calls.</summary>
internal sealed class OutputBuffer
{
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _arguments = new();
    private readonly List<ToolCallDelta> _calls = [];
    private readonly StringBuilder _raw = new();
    private string _head = "";
    private int _index;
    private string? _id;
    private string? _name;

    /// <summary>Whether a call has been begun and not ended.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Adds content.</summary>
    public void Add(char c) => _text.Append(c);

    /// <summary>Adds content.</summary>
    public void Add(StringBuilder text) => _text.Append(text);

    /// <summary>Begins a call.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="id">Its id.</param>
    /// <param name="name">The function's name.</param>
    /// <param name="head">The text before its arguments.</param>
    public void Begin(int index, string id, string name, string head)
    {
        (_index, _id, _name, _head) = (index, id, name, head);
        _raw.Clear();
        IsOpen = true;
    }

    /// <summary>Adds to the call's arguments what was made of a character.</summary>
    public void AddArguments(string arguments, char written)
    {
        _arguments.Append(arguments);
        _raw.Append(written);
    }

    /// <summary>Adds to the call's arguments.</summary>
    public void AddArguments(char c) => _arguments.Append(c);

    /// <summary>Adds to the call's arguments.</summary>
    public void AddArguments(string arguments) => _arguments.Append(arguments);

    /// <summary>Ends the call.</summary>
    public void End()
    {
        Give(null);
        IsOpen = false;
    }

    /// <summary>Takes the call back. Returns whether nobody has heard of it: then it is content as if it had never been a call.</summary>
    public bool Withdraw()
    {
        IsOpen = false;
        if (_name is null)
        {
            Give(_head + _raw, _raw.Length > 0);
            return false;
        }

        _text.Append(_head).Append(_raw.Length > 0 ? _raw : _arguments);
        _arguments.Clear();
        _name = null;
        return true;
    }

    /// <summary>Everything since the last time.</summary>
    public ToolCallOutput Take()
    {
        if (IsOpen && (_name is not null || _arguments.Length > 0))
        {
            Give(null);
        }

        var output = new ToolCallOutput(_text.ToString(), _calls.Count == 0 ? [] : _calls.ToArray());
        _text.Clear();
        _calls.Clear();
        return output;
    }

    private void Give(string? withdrawn, bool isWhole = false)
    {
        _calls.Add(new ToolCallDelta(_index, _id, _name, _arguments.ToString(), withdrawn, isWhole));
        _arguments.Clear();
        (_id, _name) = (null, null);
    }
}
