namespace Serving.Engine.ToolCalls;

/// <summary>What a character was to a JSON object that is read one by one.</summary>
internal enum JsonPart
{
    /// <summary>Space, punctuation, or the inside of a number or word.</summary>
    Other,

    /// <summary>It cannot stand there, or the object nests too deep.</summary>
    Wrong,

    /// <summary>The quote before a key.</summary>
    KeyBegin,

    /// <summary>Inside a key.</summary>
    Key,

    /// <summary>The quote behind a key.</summary>
    KeyEnd,

    /// <summary>The first character of a value.</summary>
    ValueBegin,

    /// <summary>Inside a text that is a value.</summary>
    Text,

    /// <summary>The quote behind it.</summary>
    TextEnd,

    /// <summary>The end of an object or list inside the outermost object.</summary>
    Close,

    /// <summary>The end of the outermost object.</summary>
    End,
}
